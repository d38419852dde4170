/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Two output channels at a time, which share what they read of the map. Products are summed in 32 bits as far as they are
 * sure to fit, in 64 beyond that. */
#include "tp_s16.h"

/* Of two output channels. */
typedef struct sums {
    int64_t whole[2];
    int32_t some[2]; /* that are not in `whole` yet */
    int32_t left;    /* as many products still surely fit `some` */
} sums;

static void add_up(sums *now)
{
    now->whole[0] += now->some[0];
    now->whole[1] += now->some[1];
    now->some[0] = now->some[1] = 0;
    now->left = TP_SURE_TAPS;
}

/* Adds the products with x of the weights before both ends, as many as `taps` is below 0. */
#if defined(__ARM_ARCH_6M__) && defined(__GNUC__)

/* Two multiplications in 15 cycles of a Cortex-M0+. r0 to r3 are the arguments, r4 and r5 the sums, r6 is a value, r7 a product. */
__attribute__((naked, noinline)) static void multiply(__attribute__((unused)) const int8_t *end,
                                                      __attribute__((unused)) const int8_t *other_end,
                                                      __attribute__((unused)) const int16_t *x,
                                                      __attribute__((unused)) int32_t taps,
                                                      __attribute__((unused)) int32_t some[2])
{
    __asm__ volatile(
        ".syntax unified\n\t" /* GCC has the old one for this core */
        "push {r4-r7}\n\t"
        "ldr r7, [sp, #16]\n\t"
        "ldr r4, [r7]\n\t"
        "ldr r5, [r7, #4]\n\t"
        "1:\n\t"
        "ldrh r6, [r2]\n\t"
        "adds r2, #2\n\t"
        "sxth r6, r6\n\t"
        "ldrsb r7, [r0, r3]\n\t"
        "muls r7, r6, r7\n\t"
        "adds r4, r4, r7\n\t"
        "ldrsb r7, [r1, r3]\n\t"
        "muls r7, r6, r7\n\t"
        "adds r5, r5, r7\n\t"
        "adds r3, #1\n\t"
        "bne 1b\n\t"
        "ldr r7, [sp, #16]\n\t"
        "str r4, [r7]\n\t"
        "str r5, [r7, #4]\n\t"
        "pop {r4-r7}\n\t"
        "bx lr");
}

#else

TP_NOINLINE void multiply(const int8_t *end, const int8_t *other_end, const int16_t *x, int32_t taps, int32_t some[2])
{
    int32_t first = some[0], second = some[1];
    do {
        const int32_t value = *x++;
        first += end[taps] * value;
        second += other_end[taps] * value;
    } while (++taps != 0);
    some[0] = first;
    some[1] = second;
}

#endif

/* Adds weights[taps] . x[taps] for both channels; the weights of the second lie `apart` bytes behind. */
static void dot(const int8_t *weights, int32_t apart, const int16_t *x, int32_t taps, sums *now)
{
    while (taps > 0) {
        if (now->left == 0) {
            add_up(now);
        }
        const int32_t count = taps < now->left ? taps : now->left;
        weights += count;
        multiply(weights, weights + apart, x, -count, now->some);
        x += count;
        taps -= count;
        now->left -= count;
    }
}

/* Adds one row of the kernel . the row of the map under it, from column `left` on; taps outside of the map add nothing. */
static void along(const tp_layer *layer, const int8_t *weights, int32_t apart, const int16_t *row, int32_t left, sums *now)
{
    const int32_t channels = layer->in_channels;
    const int32_t together = layer->dilation_width == 1 ? layer->kernel_width : 1; /* taps that are neighbours in the map, too */
    for (int32_t tap = 0; tap < layer->kernel_width; tap += together) {
        const int32_t column = left + tap * layer->dilation_width;
        const int32_t from = column < 0 ? -column : 0;
        const int32_t to = together < layer->in_width - column ? together : layer->in_width - column;
        if (from < to) {
            dot(weights + (tap + from) * channels, apart, row + (column + from) * channels, (to - from) * channels, now);
        }
    }
}

/* All channels of the pixel whose kernel begins at (top, left) of the map. */
static void pixel(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels, const int16_t *input,
                  int32_t top, int32_t left, int16_t *output)
{
    const int32_t row_taps = layer->kernel_width * layer->in_channels, taps = layer->kernel_height * row_taps;
    for (int32_t o = 0; o < layer->out_channels; o += 2) {
        const int32_t more = o + 1 < layer->out_channels; /* else the second channel is the first one again */
        const int32_t apart = more ? taps : 0;
        sums now = {{tp_wide_bias(&channels[o]), tp_wide_bias(&channels[o + more])}, {0, 0}, TP_SURE_TAPS};
        for (int32_t tap = 0; tap < layer->kernel_height; tap++) {
            const int32_t row = top + tap * layer->dilation_height;
            if (row >= 0 && row < layer->in_height) {
                const int16_t *const start = input + row * layer->in_width * layer->in_channels;
                along(layer, weights + tap * row_taps, apart, start, left, &now);
            }
        }
        add_up(&now);
        output[o] = tp_wide_output(now.whole[0], &channels[o], layer);
        output[o + more] = tp_wide_output(now.whole[1], &channels[o + more], layer);
        weights += taps + apart;
    }
}

void tp_conv_2d_s16_dense_c(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels,
                            const int16_t *input, int16_t *output, void *scratch)
{
    (void)scratch;
    for (int32_t row = 0; row < layer->out_height; row++) {
        const int32_t top = row * layer->stride_height - layer->pad_top;
        for (int32_t column = 0; column < layer->out_width; column++) {
            pixel(layer, weights, channels, input, top, column * layer->stride_width - layer->pad_left, output);
            output += layer->out_channels;
        }
    }
}
