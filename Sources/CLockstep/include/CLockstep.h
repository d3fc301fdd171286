// Part of Lockstep. See LICENSE.
#ifndef CLOCKSTEP_H
#define CLOCKSTEP_H

/// Names the calling thread, as far as the platform takes it (15 bytes on Linux).
void lockstep_set_thread_name(const char *name);

#endif
