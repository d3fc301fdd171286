// Part of Lockstep. See LICENSE.
#include <stddef.h>
#include <stdint.h>

/// Runs libFuzzer for a program that has a `main` of its own.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*body)(const uint8_t *data, size_t size));
