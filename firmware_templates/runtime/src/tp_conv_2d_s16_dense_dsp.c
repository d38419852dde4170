/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Activations need no unpacking: a word is two taps. Two pixels times two channels share what they load; a pixel that is
 * left goes with four channels. */
#include <string.h>

#include "tp_dsp.h"
#include "tp_patch_s16.h"
#include "tp_s16.h"

enum { CHANNELS = 4 };

/* Accumulators of two channels: of pixel 0, of pixel 1. */
typedef struct square {
    int32_t a0, a1, b0, b1;
} square;

#if TP_DSP && defined(__OPTIMIZE__)

/* Two taps of all four. */
#define TWO_TAPS(rotation)                       \
    "sxtb16 %[w], %[a]" rotation "\n\t"          \
    "smlad %[a0], %[w], %[p], %[a0]\n\t"         \
    "smlad %[a1], %[w], %[q], %[a1]\n\t"         \
    "sxtb16 %[w], %[b]" rotation "\n\t"          \
    "smlad %[b0], %[w], %[p], %[b0]\n\t"         \
    "smlad %[b1], %[w], %[q], %[b1]\n\t"

/* acc + weights, up to `end`, . the patches x and y. In assembly as a whole, as compilers pull the
 * loads apart, which take a cycle each in a row after the first. */
static inline square dot(const uint32_t *weights, const uint32_t *end, const int16_t *x, const int16_t *y, square acc)
{
    uint32_t a, b, p, q, w;
    __asm__ volatile("1:\n\t"
                     "ldr %[a], [%[weights]], #8\n\t"
                     "ldr %[b], [%[weights], #-4]\n\t"
                     "ldr %[p], [%[x]], #8\n\t"
                     "ldr %[q], [%[y]], #8\n\t"
                     TWO_TAPS("")
                     "ldr %[p], [%[x], #-4]\n\t"
                     "ldr %[q], [%[y], #-4]\n\t"
                     TWO_TAPS(", ror #8")
                     "cmp %[weights], %[end]\n\t"
                     "bne 1b"
                     : [weights] "+&r"(weights), [x] "+&r"(x), [y] "+&r"(y), [a0] "+&r"(acc.a0), [a1] "+&r"(acc.a1),
                       [b0] "+&r"(acc.b0), [b1] "+&r"(acc.b1), [a] "=&r"(a), [b] "=&r"(b), [p] "=&r"(p), [q] "=&r"(q),
                       [w] "=&r"(w)
                     : [end] "r"(end)
                     : "cc", "memory");
    return acc;
}

#else

static inline square dot(const uint32_t *weights, const uint32_t *end, const int16_t *x, const int16_t *y, square acc)
{
    for (; weights != end; weights += 2) {
        uint32_t p[2], q[2];
        memcpy(p, x, sizeof p);
        memcpy(q, y, sizeof q);
        const uint32_t first[] = {tp_sxtb16(weights[0]), tp_sxtb16_ror8(weights[0])};
        const uint32_t second[] = {tp_sxtb16(weights[1]), tp_sxtb16_ror8(weights[1])};
        for (int i = 0; i < 2; i++) {
            acc.a0 = tp_smlad(first[i], p[i], acc.a0);
            acc.a1 = tp_smlad(first[i], q[i], acc.a1);
            acc.b0 = tp_smlad(second[i], p[i], acc.b0);
            acc.b1 = tp_smlad(second[i], q[i], acc.b1);
        }
        x += 4, y += 4;
    }
    return acc;
}

#endif

/* Of four channels at one pixel; the weights of the second two lie `words` behind. */
static inline void dot_of_four(const uint32_t *weights, int32_t words, const int16_t *x, int32_t acc[CHANNELS])
{
    const uint32_t *const end = weights + words, *more = end;
    int32_t a = acc[0], b = acc[1], c = acc[2], d = acc[3];
    for (; weights != end; weights += 2, more += 2) {
        uint32_t p[2];
        memcpy(p, x, sizeof p);
        const uint32_t wa = weights[0], wb = weights[1], wc = more[0], wd = more[1];
        a = tp_smlad(tp_sxtb16_ror8(wa), p[1], tp_smlad(tp_sxtb16(wa), p[0], a));
        b = tp_smlad(tp_sxtb16_ror8(wb), p[1], tp_smlad(tp_sxtb16(wb), p[0], b));
        c = tp_smlad(tp_sxtb16_ror8(wc), p[1], tp_smlad(tp_sxtb16(wc), p[0], c));
        d = tp_smlad(tp_sxtb16_ror8(wd), p[1], tp_smlad(tp_sxtb16(wd), p[0], d));
        x += 4;
    }
    acc[0] = a, acc[1] = b, acc[2] = c, acc[3] = d;
}

/* All channels at two pixels, whose outputs are one behind the other. */
static void two_pixels(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels, const int16_t *x,
                       const int16_t *y, int16_t *output)
{
    const int32_t words = tp_round_up_to_4(tp_taps(layer)) / 2, out_channels = layer->out_channels; /* of two channels */
    const tp_channel *const end = channels + (out_channels & ~1);
    const tp_bounds bounds = tp_bounds_of(layer);
    int16_t *other = output + out_channels;
    for (; channels != end; channels += 2) {
        const int32_t bias = channels[0].bias, next = channels[1].bias;
        const square acc = dot(weights, weights + words, x, y, (square){bias, bias, next, next});
        tp_outputs_s16(acc.a0, acc.a1, &channels[0], bounds, output++, other++);
        tp_outputs_s16(acc.b0, acc.b1, &channels[1], bounds, output++, other++);
        weights += words;
    }
    if (out_channels % 2 != 0) { /* the second one's weights are 0 */
        const square acc = dot(weights, weights + words, x, y, (square){channels->bias, channels->bias, 0, 0});
        tp_outputs_s16(acc.a0, acc.a1, channels, bounds, output, other);
    }
}

static void one_pixel(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels, const int16_t *x,
                      int16_t *output)
{
    const int32_t words = tp_round_up_to_4(tp_taps(layer)) / 2;
    const tp_bounds bounds = tp_bounds_of(layer);
    for (int32_t o = 0; o < layer->out_channels; o += CHANNELS) {
        const int32_t left = layer->out_channels - o, count = left < CHANNELS ? left : CHANNELS;
        int32_t acc[CHANNELS] = {0};
        for (int32_t i = 0; i < count; i++) {
            acc[i] = channels[o + i].bias;
        }
        dot_of_four(weights, words, x, acc);
        for (int32_t i = 0; i < count; i++) {
            output[o + i] = tp_output_s16(acc[i], &channels[o + i], bounds);
        }
        weights += 2 * words;
    }
}

void tp_conv_2d_s16_dense_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                              const int16_t *input, int16_t *output, void *scratch)
{
    const int32_t pixels = layer->out_height * layer->out_width;
    int16_t *const first = scratch, *const second = first + tp_round_up_to_4(tp_taps(layer));
    int32_t pixel = 0;
    for (; pixel + 1 < pixels; pixel += 2) {
        const int16_t *const x = tp_patch_s16(layer, input, pixel, first);
        two_pixels(layer, weights, channels, x, tp_patch_s16(layer, input, pixel + 1, second), output);
        output += 2 * layer->out_channels;
    }
    if (pixel < pixels) {
        one_pixel(layer, weights, channels, tp_patch_s16(layer, input, pixel, first), output);
    }
}
