/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Runs of bytes, most of them short. */
#ifndef TP_RUNS_H
#define TP_RUNS_H

#include "tp_loops.h"

#define TP_LONG 32 /* runs from here on are worth a call */

/* Neither overlaps the other. The last word may have bytes of the one before. Where words must lie at multiples of 4, runs of
 * halfwords are copied as such, others byte by byte. */
TP_INLINE void tp_copy_run(int8_t *to, const int8_t *from, int32_t size)
{
    if (size > TP_LONG) {
        memcpy(to, from, (size_t)size);
#if defined(__ARM_ARCH_6M__)
    } else if ((((uintptr_t)to | (uintptr_t)from | (uintptr_t)size) & 1u) == 0) {
        while (size > 0) {
            size -= 2;
            *(int16_t *)(void *)(to + size) = *(const int16_t *)(const void *)(from + size);
        }
#else
    } else if (size >= 4) {
        const int8_t *const last = from + size - 4;
        int8_t *const last_to = to + size - 4;
        while (from < last) {
            tp_store4(to, tp_load4(from));
            from += 4;
            to += 4;
        }
        tp_store4(last_to, tp_load4(last));
#endif
    } else {
        while (size > 0) {
            size--;
            to[size] = from[size];
        }
    }
}

/* The bytes of a word again and again, which repeats itself after 2 bytes; `count` is even if not after 1. Returns what is behind. */
TP_INLINE int8_t *tp_fill_run(int8_t *to, uint32_t word, int32_t count)
{
    int8_t *const end = to + count;
    if (count > TP_LONG && (word & 0xffu) == (word >> 8 & 0xffu)) {
        memset(to, (int32_t)(word & 0xffu), (size_t)count);
    } else if (count >= 4) {
        for (; to < end - 4; to += 4) {
            tp_store4(to, word);
        }
        tp_store4(end - 4, word);
    } else {
        for (; to < end; word >>= 8) {
            *to++ = (int8_t)(word & 0xffu);
        }
    }
    return end;
}

#endif
