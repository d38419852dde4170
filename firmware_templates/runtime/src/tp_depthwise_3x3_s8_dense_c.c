/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_depthwise_four.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"
#include "tp_patch.h"
#include "tp_several.h"

enum { SIZE = TP_DEPTHWISE_SIZE, TAPS = TP_DEPTHWISE_TAPS, ROWS = TP_SEVERAL, CHANNELS = 8 };

/* What is under the kernel, channel 0: where it begins, and how far its rows and columns lie apart. */
typedef struct {
    const int8_t *first;
    int32_t row, column;
} window;

/* In the input, or at its edges in a copy, padding filled in. The layer's kernel is as high as what is wanted. */
TP_NOINLINE window locate(const tp_layer *layer, const int8_t *input, int32_t out_row, int32_t out_column, int8_t *patch)
{
    const int32_t down = layer->dilation_height, right = layer->dilation_width, channels = layer->in_channels;
    const int32_t below = (layer->kernel_height - 1) * down;
    const int32_t top = out_row * layer->stride_height - layer->pad_top;
    const int32_t left = out_column * layer->stride_width - layer->pad_left;
    if (top >= 0 && left >= 0 && top + below < layer->in_height && left + 2 * right < layer->in_width) {
        const int32_t row = layer->in_width * channels;
        return (window){input + top * row + left * channels, down * row, right * channels};
    }
    tp_gather_patch(layer, input, out_row, out_column, patch);
    return (window){patch, SIZE * channels, channels};
}

/* Where the rows under the kernel begin, and how far its columns lie apart. */
typedef struct {
    const int8_t *rows[SIZE];
    int32_t step;
} place;

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

/* An output pixel. */
TP_NOINLINE void put_pixel(const tp_layer *layer, const int8_t *weights, const tp_channel *channels, window under, int8_t *output)
{
    const tp_range range = tp_range_of(layer);
    place at = {{under.first, under.first + under.row, under.first + 2 * under.row}, under.column};
    for (int32_t c = 0; c < layer->in_channels; c++) {
        *output++ = tp_output_within(range, dot(&at, weights, channels[c].bias), &channels[c]);
        weights += TAPS;
    }
}

/* ROWS output pixels below each other. */
TP_NOINLINE void put_pixels(const tp_layer *layer, const int8_t *weights, const tp_channel *channels, window under, int8_t *output)
{
    const tp_range range = tp_range_of(layer);
    const int32_t out_row = layer->out_width * layer->out_channels, row = under.row - 2 * under.column;
    int32_t acc[CHANNELS][ROWS];
    tp_depthwise_task task = {
        under.first, weights, channels, 0, 0, layer->stride_height * under.row, under.column, row, 1 - 2 * (under.row + under.column),
    };
    for (int32_t left = layer->in_channels; left > 0; left -= CHANNELS) {
        const int32_t count = left < CHANNELS ? left : CHANNELS;
        task.acc = acc[0];
        task.end = acc[count];
        tp_depthwise_four(&task);
        tp_put_several(&range, channels, count, TAPS, (const int32_t(*)[ROWS])acc, output, out_row);
        channels += count;
        output += count;
    }
}

void tp_depthwise_3x3_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                 const int8_t *input, int8_t *output, void *scratch)
{
    tp_layer high = *layer; /* what is under the kernel at ROWS pixels */
    high.kernel_height = (ROWS - 1) * layer->stride_height + SIZE;
    const int32_t by_rows = layer->dilation_height == 1 ? layer->out_height & -ROWS : 0;
    for (int32_t row = 0; row < layer->out_height; row += row < by_rows ? ROWS : 1) {
        for (int32_t column = 0; column < layer->out_width; column++) {
            int8_t *const pixel = output + (row * layer->out_width + column) * layer->out_channels;
            if (row < by_rows) {
                put_pixels(layer, weights, channels, locate(&high, input, row, column, scratch), pixel);
            } else {
                put_pixel(layer, weights, channels, locate(layer, input, row, column, scratch), pixel);
            }
        }
    }
}
