/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Several output channels at a time, which share what they read of the map. Products are summed in 32 bits as far as they are
 * sure to fit, in 64 beyond that. */
#include "tp_patch.h"
#include "tp_s16.h"

#define FOUR 4

/* Of output channels: one, two or four. */
typedef struct sums {
    int32_t some[FOUR]; /* that are not in `whole` yet */
    int32_t left;       /* as many products still surely fit `some` */
    int32_t channels;
    int64_t whole[FOUR];
} sums;

static inline void start(sums *now)
{
    now->some[0] = now->some[1] = now->some[2] = now->some[3] = 0;
    now->left = TP_SURE_TAPS;
}

TP_NOINLINE void add_up(sums *now)
{
    for (int32_t i = 0; i < now->channels; i++) {
        now->whole[i] += now->some[i];
    }
    start(now);
}

/* Adds the products with x of the weights before `end`, as many as `taps` is below 0. The weights of the next channel lie `apart`
 * bytes behind those of each. */
typedef void multiplier(const int8_t *end, int32_t apart, const int16_t *x, int32_t taps, int32_t *some);

#if defined(__ARM_ARCH_6M__) && defined(__GNUC__)

/* To r6. r3, which is what `taps` is, grows by 1 after each value, as r2 does: their sum grows by the size of one. */
#define NEXT_VALUE           \
    "ldrsh r6, [r2, r3]\n\t" \
    "adds r2, #1\n\t"

#define TIMES(weights)                  \
    "ldrsb r7, [" weights ", r3]\n\t"   \
    "muls r7, r6, r7\n\t"

/* Two multiplications in 14 cycles of a Cortex-M0+. r0 and r1 are the ends, r4 and r5 the sums, r7 is a product. */
__attribute__((naked, noinline)) static void multiply_two(__attribute__((unused)) const int8_t *end,
                                                          __attribute__((unused)) int32_t apart,
                                                          __attribute__((unused)) const int16_t *x,
                                                          __attribute__((unused)) int32_t taps,
                                                          __attribute__((unused)) int32_t *some)
{
    __asm__ volatile(
        ".syntax unified\n\t" /* GCC has the old one for this core */
        "push {r4-r7}\n\t"
        "ldr r7, [sp, #16]\n\t"
        "ldm r7!, {r4, r5}\n\t"
        "adds r1, r0, r1\n\t"
        "subs r2, r2, r3\n\t"
        "1:\n\t"
        NEXT_VALUE
        TIMES("r0")
        "adds r4, r4, r7\n\t"
        TIMES("r1")
        "adds r5, r5, r7\n\t"
        "adds r3, #1\n\t"
        "bne 1b\n\t"
        "ldr r7, [sp, #16]\n\t"
        "stm r7!, {r4, r5}\n\t"
        "pop {r4-r7}\n\t"
        "bx lr");
}

/* Four in 22. r0, r4, r5 and r1 are the ends, r8 to r11 the sums. */
__attribute__((naked, noinline)) static void multiply_four(__attribute__((unused)) const int8_t *end,
                                                           __attribute__((unused)) int32_t apart,
                                                           __attribute__((unused)) const int16_t *x,
                                                           __attribute__((unused)) int32_t taps,
                                                           __attribute__((unused)) int32_t *some)
{
    __asm__ volatile(
        ".syntax unified\n\t"
        "push {r4-r7}\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "mov r6, r10\n\t"
        "mov r7, r11\n\t"
        "push {r4-r7}\n\t"
        "ldr r7, [sp, #32]\n\t"
        "ldm r7, {r4-r7}\n\t"
        "mov r8, r4\n\t"
        "mov r9, r5\n\t"
        "mov r10, r6\n\t"
        "mov r11, r7\n\t"
        "adds r4, r0, r1\n\t"
        "adds r5, r4, r1\n\t"
        "adds r1, r5, r1\n\t"
        "subs r2, r2, r3\n\t"
        "1:\n\t"
        NEXT_VALUE
        TIMES("r0")
        "add r8, r7\n\t"
        TIMES("r4")
        "add r9, r7\n\t"
        TIMES("r5")
        "add r10, r7\n\t"
        TIMES("r1")
        "add r11, r7\n\t"
        "adds r3, #1\n\t"
        "bne 1b\n\t"
        "ldr r0, [sp, #32]\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "mov r6, r10\n\t"
        "mov r7, r11\n\t"
        "stm r0!, {r4-r7}\n\t"
        "pop {r4-r7}\n\t"
        "mov r8, r4\n\t"
        "mov r9, r5\n\t"
        "mov r10, r6\n\t"
        "mov r11, r7\n\t"
        "pop {r4-r7}\n\t"
        "bx lr");
}

#else

TP_NOINLINE void multiply_two(const int8_t *end, int32_t apart, const int16_t *x, int32_t taps, int32_t *some)
{
    const int8_t *const other_end = end + apart;
    int32_t first = some[0], second = some[1];
    do {
        const int32_t value = *x++;
        first += end[taps] * value;
        second += other_end[taps] * value;
    } while (++taps != 0);
    some[0] = first;
    some[1] = second;
}

static void multiply_four(const int8_t *end, int32_t apart, const int16_t *x, int32_t taps, int32_t *some)
{
    multiply_two(end, apart, x, taps, some);
    multiply_two(end + 2 * apart, apart, x, taps, some + 2);
}

#endif

/* Adds weights[taps] . x[taps] for all channels. */
static inline void dot(multiplier *multiply, const int8_t *weights, int32_t apart, const int16_t *x, int32_t taps, sums *now)
{
    for (; taps > now->left; add_up(now)) {
        const int32_t count = now->left;
        if (count > 0) {
            multiply(weights + count, apart, x, -count, now->some);
        }
        weights += count;
        x += count;
        taps -= count;
    }
    now->left -= taps;
    multiply(weights + taps, apart, x, -taps, now->some);
}

/* The part of the kernel that is inside of the map: in each of `rows`, `runs` of as many `taps` that are neighbours in the map,
 * too. The first weight of a channel is `first` behind its others. */
typedef struct part {
    int32_t rows, runs, taps, first;
    int32_t weights_row_step, row_step, run_step;
    const int16_t *x; /* under the first tap */
} part;

/* Of the kernel that begins at (top, left) of the map. */
TP_NOINLINE part part_of(const tp_layer *layer, const int16_t *input, int32_t top, int32_t left)
{
    const tp_span rows = tp_span_of(top, layer->kernel_height, layer->dilation_height, layer->in_height);
    const tp_span columns = tp_span_of(left, layer->kernel_width, layer->dilation_width, layer->in_width);
    const int32_t row = top + rows.first * layer->dilation_height, column = left + columns.first * layer->dilation_width;
    const int32_t count = columns.end - columns.first, channels = layer->in_channels;
    const int32_t runs = layer->dilation_width == 1 && count > 0 ? 1 : count;
    return (part){rows.end - rows.first, runs, layer->dilation_width == 1 ? count * channels : channels,
                  (rows.first * layer->kernel_width + columns.first) * channels, layer->kernel_width * channels,
                  layer->dilation_height * layer->in_width * channels, layer->dilation_width * channels,
                  input + (row * layer->in_width + column) * channels};
}

/* Adds the products of as many channels as `multiply` takes. */
TP_NOINLINE void products(const part *at, multiplier *multiply, const int8_t *weights, int32_t apart, sums *now)
{
    const int16_t *row = at->x;
    weights += at->first;
    for (int32_t rows = at->rows; rows > 0; rows--) {
        const int8_t *w = weights;
        const int16_t *x = row;
        for (int32_t runs = at->runs; runs > 0; runs--) {
            dot(multiply, w, apart, x, at->taps, now);
            w += at->taps;
            x += at->run_step;
        }
        weights += at->weights_row_step;
        row += at->row_step;
    }
}

TP_NOINLINE void round_all(const tp_layer *layer, const sums *now, const tp_wide_channel *channels, int16_t *output)
{
    for (int32_t i = 0; i < now->channels; i++) {
        output[i] = tp_wide_output(now->whole[i] + now->some[i], &channels[i], layer);
    }
}

/* All channels of a pixel: fours, then two, then one. */
TP_NOINLINE void pixel(const tp_layer *layer, const part *at, const int8_t *weights, const tp_wide_channel *channels,
                       int16_t *output)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    int32_t left = layer->out_channels;
    while (left > 0) {
        const int32_t together = left >= FOUR ? FOUR : left >= 2 ? 2 : 1;
        sums now;
        now.channels = together;
        start(&now);
        for (int32_t i = 0; i < together; i++) {
            now.whole[i] = tp_wide_bias(&channels[i]);
        }
        products(at, together == FOUR ? multiply_four : multiply_two, weights, together == 1 ? 0 : taps, &now);
        round_all(layer, &now, channels, output);
        output += together;
        channels += together;
        weights += together * taps;
        left -= together;
    }
}

/* All pixels where each is made of the input's in its place. */
static void pointwise(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels, const int16_t *input,
                      int16_t *output)
{
    part at = part_of(layer, input, 0, 0);
    for (int32_t pixels = layer->out_height * layer->out_width; pixels > 0; pixels--) {
        pixel(layer, &at, weights, channels, output);
        at.x += layer->in_channels;
        output += layer->out_channels;
    }
}

void tp_conv_2d_s16_dense_c(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels,
                            const int16_t *input, int16_t *output, void *scratch)
{
    (void)scratch;
    if (tp_is_pointwise(layer)) {
        pointwise(layer, weights, channels, input, output);
        return;
    }
    for (int32_t row = 0; row < layer->out_height; row++) {
        const int32_t top = row * layer->stride_height - layer->pad_top;
        for (int32_t column = 0; column < layer->out_width; column++) {
            const part at = part_of(layer, input, top, column * layer->stride_width - layer->pad_left);
            pixel(layer, &at, weights, channels, output);
            output += layer->out_channels;
        }
    }
}
