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

/* Of four channels at one pixel. */
typedef struct column {
    int32_t a, b, c, d;
} column;

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
TP_INLINE square dot(const uint32_t *weights, const uint32_t *end, const int16_t *x, const int16_t *y, square acc)
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

/* Four taps of two channels. */
#define TWO_CHANNELS(first, second)                     \
    "sxtb16 %[v], %[w]\n\t"                             \
    "smlad %[" first "], %[v], %[p], %[" first "]\n\t"  \
    "sxtb16 %[w], %[w], ror #8\n\t"                     \
    "smlad %[" first "], %[w], %[q], %[" first "]\n\t"  \
    "sxtb16 %[v], %[u]\n\t"                             \
    "smlad %[" second "], %[v], %[p], %[" second "]\n\t" \
    "sxtb16 %[u], %[u], ror #8\n\t"                     \
    "smlad %[" second "], %[u], %[q], %[" second "]\n\t"

/* acc + the weights of two channels, up to `end` = `more`, and of two that are there, . the patch x */
TP_INLINE column dot_of_four(const uint32_t *weights, const uint32_t *more, const int16_t *x, column acc)
{
    const uint32_t *const end = more;
    uint32_t p, q, u, v, w;
    __asm__ volatile("1:\n\t"
                     "ldr %[w], [%[weights]], #8\n\t"
                     "ldr %[u], [%[weights], #-4]\n\t"
                     "ldr %[p], [%[x]], #8\n\t"
                     "ldr %[q], [%[x], #-4]\n\t"
                     TWO_CHANNELS("a", "b")
                     "ldr %[w], [%[more]], #8\n\t"
                     "ldr %[u], [%[more], #-4]\n\t"
                     TWO_CHANNELS("c", "d")
                     "cmp %[weights], %[end]\n\t"
                     "bne 1b"
                     : [weights] "+&r"(weights), [more] "+&r"(more), [x] "+&r"(x), [a] "+&r"(acc.a), [b] "+&r"(acc.b),
                       [c] "+&r"(acc.c), [d] "+&r"(acc.d), [p] "=&r"(p), [q] "=&r"(q), [u] "=&r"(u), [v] "=&r"(v),
                       [w] "=&r"(w)
                     : [end] "r"(end)
                     : "cc", "memory");
    return acc;
}

#else

TP_INLINE square dot(const uint32_t *weights, const uint32_t *end, const int16_t *x, const int16_t *y, square acc)
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

TP_INLINE column dot_of_four(const uint32_t *weights, const uint32_t *more, const int16_t *x, column acc)
{
    for (const uint32_t *const end = more; weights != end; weights += 2, more += 2) {
        uint32_t p[2];
        memcpy(p, x, sizeof p);
        acc.a = tp_smlad(tp_sxtb16_ror8(weights[0]), p[1], tp_smlad(tp_sxtb16(weights[0]), p[0], acc.a));
        acc.b = tp_smlad(tp_sxtb16_ror8(weights[1]), p[1], tp_smlad(tp_sxtb16(weights[1]), p[0], acc.b));
        acc.c = tp_smlad(tp_sxtb16_ror8(more[0]), p[1], tp_smlad(tp_sxtb16(more[0]), p[0], acc.c));
        acc.d = tp_smlad(tp_sxtb16_ror8(more[1]), p[1], tp_smlad(tp_sxtb16(more[1]), p[0], acc.d));
        x += 4;
    }
    return acc;
}

#endif

/* All channels at two pixels, whose outputs are one behind the other. */
TP_INLINE void two_pixels(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels, const int16_t *x,
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

TP_NOINLINE void one_pixel(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels, const int16_t *x,
                      int16_t *output)
{
    const int32_t words = tp_round_up_to_4(tp_taps(layer)) / 2; /* of two channels */
    const tp_bounds bounds = tp_bounds_of(layer);
    int32_t left = layer->out_channels;
    for (; left >= CHANNELS; left -= CHANNELS) {
        const column start = {channels[0].bias, channels[1].bias, channels[2].bias, channels[3].bias};
        const column acc = dot_of_four(weights, weights + words, x, start);
        *output++ = tp_output_s16(acc.a, channels++, bounds);
        *output++ = tp_output_s16(acc.b, channels++, bounds);
        *output++ = tp_output_s16(acc.c, channels++, bounds);
        *output++ = tp_output_s16(acc.d, channels++, bounds);
        weights += 2 * words;
    }
    if (left > 0) { /* the weights of the others are 0 */
        const column acc = dot_of_four(weights, weights + words, x, (column){0, 0, 0, 0});
        const int32_t sums[] = {acc.a, acc.b, acc.c, acc.d};
        for (int32_t i = 0; i < left; i++) {
            output[i] = tp_output_s16(sums[i] + channels[i].bias, &channels[i], bounds);
        }
    }
}

void tp_conv_2d_s16_dense_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                              const int16_t *input, int16_t *output, void *scratch)
{
    const int32_t pixels = layer->out_height * layer->out_width;
    int16_t *const first = scratch; /* none where patches lie in the map */
    int16_t *const second = first == NULL ? NULL : first + tp_round_up_to_4(tp_taps(layer));
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
