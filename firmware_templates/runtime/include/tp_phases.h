/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Transposed convolutions by phases: output pixels whose place leaves the same remainders by the strides see the same taps. */
#ifndef TP_PHASES_H
#define TP_PHASES_H

#include <stdint.h>

/* Along one axis: the output pixels of a phase are first, first + stride, …; the kernel of the first of them begins at `begin` of
 * the input, and has `taps` of it. */
typedef struct tp_phase {
    int32_t first, begin, taps;
} tp_phase;

static inline tp_phase tp_phase_of(int32_t phase, int32_t kernel, int32_t stride, int32_t padding)
{
    tp_phase found;
    const int32_t behind = phase - padding % stride;
    found.taps = kernel > phase ? (kernel - phase - 1) / stride + 1 : 0;
    found.first = behind < 0 ? behind + stride : behind;
    found.begin = (found.first + padding - phase) / stride - (found.taps - 1);
    return found;
}

#endif
