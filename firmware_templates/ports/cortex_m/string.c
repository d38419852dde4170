/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* memcpy, memmove, memset, memcmp. The empty asm in each loop keeps the compiler from recognizing the loop as the very
 * function it implements and calling it. */
#include "string.h"

#include <stdint.h>

#undef memcpy
#undef memmove
#undef memset
#undef memcmp

#define NOT_AN_IDIOM() __asm__ volatile("")

/* Any address: the core loads unaligned words, a core that does not gets byte loads from the compiler. */
typedef uint32_t __attribute__((may_alias, aligned(1))) word;
/* At a multiple of 4. */
typedef uint32_t __attribute__((may_alias)) whole_word;

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    uint8_t *target = to;
    const uint8_t *source = from;
#if !defined(__ARM_FEATURE_UNALIGNED)
    if ((((uintptr_t)to | (uintptr_t)from) & (sizeof(word) - 1)) == 0) {
        for (; bytes >= 2 * sizeof(word); bytes -= 2 * sizeof(word)) {
            const whole_word a = ((const whole_word *)source)[0], b = ((const whole_word *)source)[1];
            ((whole_word *)target)[0] = a, ((whole_word *)target)[1] = b;
            source += 2 * sizeof(word);
            target += 2 * sizeof(word);
            NOT_AN_IDIOM();
        }
    }
#endif
    for (; bytes >= 4 * sizeof(word); bytes -= 4 * sizeof(word)) {
        const word a = ((const word *)source)[0], b = ((const word *)source)[1];
        const word c = ((const word *)source)[2], d = ((const word *)source)[3];
        ((word *)target)[0] = a, ((word *)target)[1] = b;
        ((word *)target)[2] = c, ((word *)target)[3] = d;
        source += 4 * sizeof(word);
        target += 4 * sizeof(word);
        NOT_AN_IDIOM();
    }
    for (; bytes > 0; bytes--) {
        *target++ = *source++;
        NOT_AN_IDIOM();
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
    uint8_t *target = to;
    const uint8_t *source = from;
    if ((uintptr_t)target - (uintptr_t)source >= bytes) { /* no byte is overwritten before it is read */
        return memcpy(to, from, bytes);
    }
    while (bytes > 0) {
        bytes--;
        target[bytes] = source[bytes];
        NOT_AN_IDIOM();
    }
    return to;
}

void *memset(void *to, int value, size_t bytes) {
    uint8_t *target = to;
    const uint8_t byte = (uint8_t)value;
    for (; bytes >= 2 * sizeof(word); bytes -= 2 * sizeof(word)) {
        ((word *)target)[0] = byte * 0x01010101u;
        ((word *)target)[1] = byte * 0x01010101u;
        target += 2 * sizeof(word);
        NOT_AN_IDIOM();
    }
    for (; bytes > 0; bytes--) {
        *target++ = byte;
        NOT_AN_IDIOM();
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t bytes) {
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (; bytes > 0; bytes--, a++, b++) {
        if (*a != *b) {
            return *a - *b;
        }
        NOT_AN_IDIOM();
    }
    return 0;
}
