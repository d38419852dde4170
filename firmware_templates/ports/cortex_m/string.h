/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The four functions that compilers expect even without a C library; string.c has them. The macros let the compiler
 * expand small copies in place, which a freestanding build otherwise forbids. */
#ifndef TP_STRING_H
#define TP_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);

#define memcpy(to, from, bytes) __builtin_memcpy(to, from, bytes)
#define memmove(to, from, bytes) __builtin_memmove(to, from, bytes)
#define memset(to, value, bytes) __builtin_memset(to, value, bytes)
#define memcmp(left, right, bytes) __builtin_memcmp(left, right, bytes)

#endif
