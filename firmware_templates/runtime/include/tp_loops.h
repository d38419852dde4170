/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The three outer loops of element-wise operators. */
#ifndef TP_LOOPS_H
#define TP_LOOPS_H

#include "tp_kernels.h"

/* Calls `ROW(left, right, output)` for each row of loops->count_3 values, with pointers to its first ones. */
#define TP_FOR_EACH_ROW(loops, left, right, output, ROW)                             \
    for (int32_t tp_i = 0; tp_i < (loops)->count_0; tp_i++) {                        \
        for (int32_t tp_j = 0; tp_j < (loops)->count_1; tp_j++) {                    \
            for (int32_t tp_k = 0; tp_k < (loops)->count_2; tp_k++) {                \
                const int32_t tp_left = tp_i * (loops)->left_0 + tp_j * (loops)->left_1 + tp_k * (loops)->left_2; \
                const int32_t tp_right = tp_i * (loops)->right_0 + tp_j * (loops)->right_1 + tp_k * (loops)->right_2; \
                ROW((left) + tp_left, (right) + tp_right, output);                   \
                (output) += (loops)->count_3;                                        \
            }                                                                        \
        }                                                                            \
    }

#endif
