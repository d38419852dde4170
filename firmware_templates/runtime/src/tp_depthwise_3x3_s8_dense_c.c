/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"
#include "tp_patch.h"

enum { SIZE = 3, TAPS = SIZE * SIZE };

/* What is under the kernel, channel 0: where its rows begin, and how far its columns lie apart. */
typedef struct {
    const int8_t *rows[SIZE];
    int32_t step;
} place;

/* In the input, or at its edges in a copy, padding filled in. */
TP_NOINLINE place locate(const tp_layer *layer, const int8_t *input, int32_t out_row, int32_t out_column, int8_t *patch)
{
    const int32_t down = layer->dilation_height, right = layer->dilation_width, channels = layer->in_channels;
    const int32_t top = out_row * layer->stride_height - layer->pad_top;
    const int32_t left = out_column * layer->stride_width - layer->pad_left;
    const int8_t *first = patch;
    int32_t row_step = SIZE * channels, step = channels;
    if (top >= 0 && left >= 0 && top + 2 * down < layer->in_height && left + 2 * right < layer->in_width) {
        first = input + (top * layer->in_width + left) * channels;
        row_step = down * layer->in_width * channels;
        step = right * channels;
    } else {
        tp_gather_patch(layer, input, out_row, out_column, patch);
    }
    return (place){{first, first + row_step, first + 2 * row_step}, step};
}

/* acc + a channel's weights . what is under them; then that is the next channel's. */
#if (defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)) && defined(__GNUC__)

/* In assembly, for which loads stand back to back. */
TP_INLINE int32_t dot(place *at, const int8_t *weights, int32_t acc)
{
    int32_t x0, x1, w0, w1;
    __asm__ volatile(
        "ldrsb %[x0], [%[r0], %[step]]\n\t"
        "ldrsb %[w0], [%[w], #1]\n\t"
        "ldrsb %[x1], [%[r0], %[step], lsl #1]\n\t"
        "ldrsb %[w1], [%[w], #2]\n\t"
        "mla %[acc], %[x0], %[w0], %[acc]\n\t"
        "mla %[acc], %[x1], %[w1], %[acc]\n\t"
        "ldrsb %[x0], [%[r1], %[step]]\n\t"
        "ldrsb %[w0], [%[w], #4]\n\t"
        "ldrsb %[x1], [%[r1], %[step], lsl #1]\n\t"
        "ldrsb %[w1], [%[w], #5]\n\t"
        "mla %[acc], %[x0], %[w0], %[acc]\n\t"
        "mla %[acc], %[x1], %[w1], %[acc]\n\t"
        "ldrsb %[x0], [%[r2], %[step]]\n\t"
        "ldrsb %[w0], [%[w], #7]\n\t"
        "ldrsb %[x1], [%[r2], %[step], lsl #1]\n\t"
        "ldrsb %[w1], [%[w], #8]\n\t"
        "mla %[acc], %[x0], %[w0], %[acc]\n\t"
        "mla %[acc], %[x1], %[w1], %[acc]\n\t"
        "ldrsb %[x0], [%[r0]], #1\n\t"
        "ldrsb %[w0], [%[w]]\n\t"
        "ldrsb %[x1], [%[r1]], #1\n\t"
        "ldrsb %[w1], [%[w], #3]\n\t"
        "mla %[acc], %[x0], %[w0], %[acc]\n\t"
        "ldrsb %[x0], [%[r2]], #1\n\t"
        "ldrsb %[w0], [%[w], #6]\n\t"
        "mla %[acc], %[x1], %[w1], %[acc]\n\t"
        "mla %[acc], %[x0], %[w0], %[acc]"
        : [r0] "+&r"(at->rows[0]), [r1] "+&r"(at->rows[1]), [r2] "+&r"(at->rows[2]), [acc] "+&r"(acc), [x0] "=&r"(x0),
          [x1] "=&r"(x1), [w0] "=&r"(w0), [w1] "=&r"(w1)
        : [w] "r"(weights), [step] "r"(at->step)
        : "memory");
    return acc;
}

#else

TP_INLINE int32_t dot(place *at, const int8_t *weights, int32_t acc)
{
    const int8_t *const x0 = at->rows[0]++, *const x1 = at->rows[1]++, *const x2 = at->rows[2]++;
    const int32_t step = at->step;
    acc += x0[0] * weights[0] + x0[step] * weights[1] + x0[2 * step] * weights[2];
    acc += x1[0] * weights[3] + x1[step] * weights[4] + x1[2 * step] * weights[5];
    acc += x2[0] * weights[6] + x2[step] * weights[7] + x2[2 * step] * weights[8];
    return acc;
}

#endif

void tp_depthwise_3x3_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                 const int8_t *input, int8_t *output, void *scratch)
{
    const tp_range range = tp_range_of(layer);
    for (int32_t row = 0; row < layer->out_height; row++) {
        for (int32_t column = 0; column < layer->out_width; column++) {
            place at = locate(layer, input, row, column, scratch);
            const int8_t *w = weights;
            for (int32_t c = 0; c < layer->in_channels; c++) {
                *output++ = tp_output_within(range, dot(&at, w, channels[c].bias), &channels[c]);
                w += TAPS;
            }
        }
    }
}
