/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <stdbool.h>
#include <string.h>

#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

#if defined(__GNUC__)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE static inline
#endif

/* One value. `equal`: both operands have the same scale; `clamped`: to less than int8. */
ALWAYS_INLINE int32_t one(const tp_add_fast *add, int32_t left, int32_t right, bool equal, bool clamped)
{
    int32_t doubled = left * add->left_factor + add->left_offset;
    if (equal) {
        doubled += (right * (1 << 19) + add->right_offset / 4) * add->right_sign;
    } else {
        int32_t x = tp_smmulr(right * (1 << 21) + add->right_offset, add->right_multiplier);
        x += x >> 31;
        x = (x + (1 << (add->right_shift - 1))) >> add->right_shift;
        doubled += x * add->right_sign;
    }
    int32_t y = tp_smmulr(doubled, add->output_multiplier);
    y += y >> 31;
    y = tp_ssat8((y + add->output_offset) >> add->output_shift);
    return clamped ? tp_clamp(y, add->activation_min, add->activation_max) : y;
}

/* A row of values; four at a time where none of the operands is broadcast. */
ALWAYS_INLINE void row(const tp_loops *loops, const tp_add_fast *add, const int8_t *left, const int8_t *right, int8_t *output,
                       bool equal, bool clamped)
{
    const tp_add_fast local = *add;
    const int32_t left_step = loops->left_3, right_step = loops->right_3, count = loops->count_3;
    int32_t i = 0;
    if (left_step == 1 && right_step == 1) {
        for (; i + 4 <= count; i += 4) {
            uint32_t a, b;
            memcpy(&a, left + i, 4);
            memcpy(&b, right + i, 4);
            uint32_t y = (uint8_t)one(&local, (int8_t)a, (int8_t)b, equal, clamped);
            y |= (uint32_t)(uint8_t)one(&local, (int8_t)(a >> 8), (int8_t)(b >> 8), equal, clamped) << 8;
            y |= (uint32_t)(uint8_t)one(&local, (int8_t)(a >> 16), (int8_t)(b >> 16), equal, clamped) << 16;
            y |= (uint32_t)one(&local, (int8_t)(a >> 24), (int8_t)(b >> 24), equal, clamped) << 24;
            memcpy(output + i, &y, 4);
        }
    }
    for (; i < count; i++) {
        output[i] = (int8_t)one(&local, left[i * left_step], right[i * right_step], equal, clamped);
    }
}

void tp_add_s8_fast_c(const tp_loops *loops, const tp_add_fast *add, const int8_t *left, const int8_t *right, int8_t *output)
{
    const bool clamped = add->activation_min > INT8_MIN || add->activation_max < INT8_MAX;
#define EQUAL_CLAMPED(a, b, y) row(loops, add, a, b, y, true, true)
#define EQUAL(a, b, y) row(loops, add, a, b, y, true, false)
#define CLAMPED(a, b, y) row(loops, add, a, b, y, false, true)
#define PLAIN(a, b, y) row(loops, add, a, b, y, false, false)
    if (add->right_shift == 0) {
        if (clamped) {
            TP_FOR_EACH_ROW(loops, left, right, output, EQUAL_CLAMPED)
        } else {
            TP_FOR_EACH_ROW(loops, left, right, output, EQUAL)
        }
    } else if (clamped) {
        TP_FOR_EACH_ROW(loops, left, right, output, CLAMPED)
    } else {
        TP_FOR_EACH_ROW(loops, left, right, output, PLAIN)
    }
}
