// Part of Lockstep. See LICENSE.
#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H

#include <stdint.h>

/// Blocks that the calling thread has got from malloc and its relatives so far; -1 where they are not counted (only
/// glibc lets a program stand in front of its allocator).
int64_t lockstep_allocations(void);

#endif
