/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dot.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

TP_NOINLINE int32_t dot(const int8_t *a, const int8_t *b, int32_t count, int32_t acc)
{
    return tp_dot(a, b, count, acc);
}

static int32_t sum(const int8_t *x, int32_t count)
{
    int32_t total = 0;
    for (int32_t i = 0; i < count; i++) {
        total += x[i];
    }
    return total;
}

/* `count` values, each `stride` bytes behind the one before, one behind the other. */
static void gather(const int8_t *x, int32_t count, int32_t stride, int8_t *to)
{
    for (int32_t i = 0; i < count; i++) {
        to[i] = *x;
        x += stride;
    }
}

/* A column of the product. Sum of (left - left_zero_point) * (right - right_zero_point) = left . right
 * - left_zero_point * (sum of right) - right_zero_point * (sum of left) + depth * left_zero_point * right_zero_point. */
TP_NOINLINE void multiply_column(const tp_matmul *matmul, const int8_t *left, const int8_t *column, const int32_t *row_offsets,
                                 int8_t *output)
{
    const int32_t depth = matmul->depth, columns = matmul->columns, multiplier = matmul->multiplier, shift = matmul->shift;
    const int32_t zero_point = matmul->output_zero_point, offset = -matmul->left_zero_point * sum(column, depth);
    int32_t rows = matmul->rows;
    do {
        const int32_t begin = offset + *row_offsets++;
        const int32_t acc = depth < TP_DOT_FEW ? tp_dot_few(left, column, depth, begin) : dot(left, column, depth, begin);
        *output = (int8_t)tp_clamp(tp_requantize(acc, multiplier, shift) + zero_point, INT8_MIN, INT8_MAX);
        output += columns;
        left += depth;
    } while (--rows != 0);
}

static void multiply(const tp_matmul *matmul, const int8_t *left, const int8_t *right, int8_t *output, int32_t *row_offsets,
                     int8_t *rest)
{
    const int32_t rows = matmul->rows, depth = matmul->depth, columns = matmul->columns;
    if (matmul->left_transposed) {
        for (int32_t i = 0; i < rows; i++) {
            gather(left + i, depth, rows, rest + depth + i * depth);
        }
        left = rest + depth;
    }
    for (int32_t i = 0; i < rows; i++) {
        row_offsets[i] = matmul->right_zero_point * (depth * matmul->left_zero_point - sum(left + i * depth, depth));
    }
    for (int32_t j = 0; j < columns; j++) {
        const int8_t *column = right + j * depth;
        if (!matmul->right_transposed) {
            gather(right + j, depth, columns, rest);
            column = rest;
        }
        multiply_column(matmul, left, column, row_offsets, output + j);
    }
}

void tp_batch_matmul_s8_dense_c(const tp_matmul *matmul, const int8_t *left, const int8_t *right, int8_t *output, void *scratch)
{
    int8_t *rest = (int8_t *)scratch + 4 * matmul->rows;
    for (int32_t i = 0; i < matmul->batch_0; i++) {
        for (int32_t j = 0; j < matmul->batch_1; j++) {
            for (int32_t k = 0; k < matmul->batch_2; k++) {
                const int8_t *l = left + i * matmul->left_0 + j * matmul->left_1 + k * matmul->left_2;
                const int8_t *r = right + i * matmul->right_0 + j * matmul->right_1 + k * matmul->right_2;
                multiply(matmul, l, r, output, scratch, rest);
                output += matmul->rows * matmul->columns;
            }
        }
    }
}
