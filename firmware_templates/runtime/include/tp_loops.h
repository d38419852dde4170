/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The loops of element-wise operators. */
#ifndef TP_LOOPS_H
#define TP_LOOPS_H

#include <string.h>

#include "tp_kernels.h"

#if defined(__GNUC__)
#define TP_INLINE static inline __attribute__((always_inline))
#define TP_NOINLINE static __attribute__((noinline)) /* so that what is around it costs no registers */
#else
#define TP_INLINE static inline
#define TP_NOINLINE static
#endif

/* Calls `ROW(left, right, output)` for each row of loops->count_3 values, with pointers to its first ones. */
#define TP_FOR_EACH_ROW(loops, left, right, output, ROW)                                  \
    for (int32_t tp_i = 0; tp_i < (loops)->count_0; tp_i++) {                             \
        for (int32_t tp_j = 0; tp_j < (loops)->count_1; tp_j++) {                         \
            int32_t tp_left = tp_i * (loops)->left_0 + tp_j * (loops)->left_1;            \
            int32_t tp_right = tp_i * (loops)->right_0 + tp_j * (loops)->right_1;         \
            for (int32_t tp_rows = (loops)->count_2; tp_rows > 0; tp_rows--) {            \
                ROW((left) + tp_left, (right) + tp_right, output);                        \
                (output) += (loops)->count_3;                                             \
                tp_left += (loops)->left_2;                                               \
                tp_right += (loops)->right_2;                                             \
            }                                                                             \
        }                                                                                 \
    }

/* Four bytes that may lie anywhere. Where words must lie at multiples of 4, compilers would call memcpy. */
#if defined(__ARM_ARCH_6M__) && defined(__GNUC__)

typedef uint32_t __attribute__((may_alias)) tp_word;

TP_INLINE uint32_t tp_load4(const int8_t *x)
{
    if (((uintptr_t)x & 3u) == 0) {
        return *(const tp_word *)(const void *)x;
    }
    const uint8_t *const bytes = (const uint8_t *)x;
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

TP_INLINE void tp_store4(int8_t *y, uint32_t word)
{
    if (((uintptr_t)y & 3u) == 0) {
        *(tp_word *)(void *)y = word;
        return;
    }
    for (int32_t i = 0; i < 4; i++) {
        y[i] = (int8_t)(word >> (8 * i) & 0xffu);
    }
}

#else

TP_INLINE uint32_t tp_load4(const int8_t *x)
{
    uint32_t word;
    memcpy(&word, x, 4);
    return word;
}

TP_INLINE void tp_store4(int8_t *y, uint32_t word)
{
    memcpy(y, &word, 4);
}

#endif

/* x[0], x[step], … as the bytes of a word, `count` of them, 1 to 4; step is 0 or 1. */
static inline uint32_t tp_some(const int8_t *x, int32_t step, int32_t count)
{
    if (step == 0) {
        return (uint32_t)(uint8_t)*x * 0x01010101u;
    }
    if (count == 4) {
        return tp_load4(x);
    }
    uint32_t word = 0;
    while (count-- > 0) {
        word = word << 8 | (uint8_t)x[count];
    }
    return word;
}

/* Puts the first `count` bytes of a word, 1 to 4. */
static inline void tp_put(int8_t *y, uint32_t word, int32_t count)
{
    if (count == 4) {
        tp_store4(y, word);
        return;
    }
    for (; count > 0; count--) {
        *y++ = (int8_t)(word & 0xffu);
        word >>= 8;
    }
}

/* y = VALUE(a, b) for each pair of values of a row. */
#define TP_ROW_OF_VALUES(loops, a, b, y, VALUE)                                                                   \
    for (int32_t tp_n = 0; tp_n < (loops)->count_3; tp_n++) {                                                     \
        (y)[tp_n] = (int8_t)VALUE((a)[tp_n * (loops)->left_3], (b)[tp_n * (loops)->right_3]);                     \
    }

/* A row of fewer values is better served by TP_DEFINE_ROW_OF_BYTES than by words. */
#define TP_FEW_VALUES 8

/* Defines `name(loops, a, b, y)`, which does that value by value. */
#define TP_DEFINE_ROW_OF_BYTES(name, VALUE)                                                            \
    TP_NOINLINE void name(const tp_loops *loops, const int8_t *a, const int8_t *b, int8_t *y)          \
    {                                                                                                  \
        const int32_t step_a = loops->left_3, step_b = loops->right_3;                                 \
        int32_t rest = loops->count_3;                                                                 \
        do {                                                                                           \
            const int32_t left = *a, right = *b;                                                       \
            *y++ = (int8_t)VALUE(left, right);                                                         \
            a += step_a;                                                                               \
            b += step_b;                                                                               \
        } while (--rest != 0);                                                                         \
    }

/* The same of int16. */
#define TP_ROW_OF_HALFWORDS(loops, a, b, y, VALUE)                                       \
    {                                                                                    \
        const int16_t *tp_a = (a), *tp_b = (b);                                          \
        int16_t *tp_y = (y);                                                             \
        const int32_t tp_step_a = (loops)->left_3, tp_step_b = (loops)->right_3;         \
        for (int32_t tp_rest = (loops)->count_3; tp_rest > 0; tp_rest--) {               \
            const int32_t tp_left_value = *tp_a, tp_right_value = *tp_b;                 \
            *tp_y++ = (int16_t)VALUE(tp_left_value, tp_right_value);                     \
            tp_a += tp_step_a;                                                           \
            tp_b += tp_step_b;                                                           \
        }                                                                                \
    }

/* Defines `name(params, loops, a, b, y)`, which does the same four values at a time, as the bytes of words: y = WORD(params, a, b).
 * What is left over at the end of the row is done in a word too. */
#define TP_DEFINE_ROW_OF_WORDS(name, PARAMS, WORD)                                                                     \
    TP_NOINLINE void name(const PARAMS *params, const tp_loops *loops, const int8_t *a, const int8_t *b, int8_t *y)    \
    {                                                                                                                  \
        const PARAMS local = *params;                                                                                  \
        const int32_t step_a = loops->left_3, step_b = loops->right_3;                                                 \
        int32_t rest = loops->count_3;                                                                                 \
        if (step_a != 0 && step_b != 0) {                                                                              \
            const int32_t whole = rest & ~3;                                                                           \
            for (int32_t i = 0; i < whole; i += 4) {                                                                   \
                tp_store4(y + i, WORD(&local, tp_load4(a + i), tp_load4(b + i)));                                      \
            }                                                                                                          \
            a += whole;                                                                                                \
            b += whole;                                                                                                \
            y += whole;                                                                                                \
            rest -= whole;                                                                                             \
        }                                                                                                              \
        if (rest >= 4) { /* one of them is broadcast, or both are */                                                   \
            uint32_t x0 = tp_some(a, 0, 4), x1 = tp_some(b, 0, 4);                                                     \
            for (; rest >= 4; rest -= 4) {                                                                             \
                if (step_a != 0) {                                                                                     \
                    x0 = tp_load4(a);                                                                                  \
                    a += 4;                                                                                            \
                }                                                                                                      \
                if (step_b != 0) {                                                                                     \
                    x1 = tp_load4(b);                                                                                  \
                    b += 4;                                                                                            \
                }                                                                                                      \
                tp_store4(y, WORD(&local, x0, x1));                                                                    \
                y += 4;                                                                                                \
            }                                                                                                          \
        }                                                                                                              \
        if (rest > 0) {                                                                                                \
            tp_put(y, WORD(&local, tp_some(a, step_a, rest), tp_some(b, step_b, rest)), rest);                         \
        }                                                                                                              \
    }

#endif
