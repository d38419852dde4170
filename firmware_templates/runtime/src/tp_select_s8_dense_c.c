/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels.h"
#include "tp_loops.h"

/* Rows of fewer values are better served one by one than by words. */
#define FEW 16

/* Of each byte, that of a where the condition's is 1, that of b where it is 0. */
TP_INLINE uint32_t chosen(uint32_t condition, uint32_t a, uint32_t b)
{
    return b ^ ((a ^ b) & condition * 0xffu);
}

TP_NOINLINE void row(const tp_select *op, const int8_t *condition, const int8_t *left, const int8_t *right, int8_t *output)
{
    const int32_t step = op->condition_3, left_step = op->left_3, right_step = op->right_3;
    uint32_t which = tp_some(condition, 0, 4), a = tp_some(left, 0, 4), b = tp_some(right, 0, 4); /* of what is broadcast */
    int32_t rest = op->count_3;
    for (; rest >= 4; rest -= 4) {
        if (step != 0) {
            which = tp_load4(condition);
            condition += 4;
        }
        if (left_step != 0) {
            a = tp_load4(left);
            left += 4;
        }
        if (right_step != 0) {
            b = tp_load4(right);
            right += 4;
        }
        tp_store4(output, chosen(which, a, b));
        output += 4;
    }
    if (rest > 0) {
        a = tp_some(left, left_step, rest);
        b = tp_some(right, right_step, rest);
        tp_put(output, chosen(tp_some(condition, step, rest), a, b), rest);
    }
}

TP_NOINLINE void short_row(const tp_select *op, const int8_t *condition, const int8_t *left, const int8_t *right, int8_t *output)
{
    const int32_t step = op->condition_3, left_step = op->left_3, right_step = op->right_3;
    int32_t rest = op->count_3;
    do {
        const int8_t a = *left, b = *right;
        *output++ = *condition != 0 ? a : b;
        condition += step;
        left += left_step;
        right += right_step;
    } while (--rest != 0);
}

void tp_select_s8_dense_c(const tp_select *op, const int8_t *condition, const int8_t *left, const int8_t *right,
                          int8_t *output)
{
    for (int32_t i = 0; i < op->count_0; i++) {
        for (int32_t j = 0; j < op->count_1; j++) {
            const int8_t *which = condition + i * op->condition_0 + j * op->condition_1;
            const int8_t *a = left + i * op->left_0 + j * op->left_1, *b = right + i * op->right_0 + j * op->right_1;
            for (int32_t rows = op->count_2; rows > 0; rows--) {
                if (op->count_3 < FEW) {
                    short_row(op, which, a, b, output);
                } else {
                    row(op, which, a, b, output);
                }
                output += op->count_3;
                which += op->condition_2;
                a += op->left_2;
                b += op->right_2;
            }
        }
    }
}
