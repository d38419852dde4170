/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Four pixels at a time. Every pair of activations that a 2:4 group can keep is laid out once, and serves all output
 * channels: a kept pair of weights then costs one load and one SMLAD a pixel. */
#include <string.h>

#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_pairs.h"

#define PIXELS 4
#define PAIR_WORDS PIXELS
#define GROUP_WORDS (6 * PAIR_WORDS)

/* One pixel's activations into its column of scratch [groups][6][PIXELS]. */
static void expand(const int8_t *input, int32_t groups, uint32_t *scratch)
{
    for (int32_t group = 0; group < groups; group++) {
        tp_expand_group(input, scratch, PAIR_WORDS);
        input += 4;
        scratch += GROUP_WORDS;
    }
}

/* Four accumulators, one a pixel. */
typedef struct quad {
    int32_t p0, p1, p2, p3;
} quad;

#if TP_DSP && defined(__OPTIMIZE__)

/* One group: move on to its pair, load it for four pixels and its weights, multiply. Loads in a row take a cycle each after
 * the first. */
#define GROUP(step_rotation, weight_offset, weight_rotation) \
    "uxtab %[at], %[at], %[steps]" step_rotation "\n\t"      \
    "ldr %[x0], [%[at]]\n\t"                                 \
    "ldr %[x1], [%[at], #4]\n\t"                             \
    "ldr %[x2], [%[at], #8]\n\t"                             \
    "ldr %[x3], [%[at], #12]\n\t"                            \
    "ldr %[w], [%[weights], #" weight_offset "]\n\t"         \
    "sxtb16 %[w], %[w]" weight_rotation "\n\t"               \
    "smlad %[p0], %[x0], %[w], %[p0]\n\t"                    \
    "smlad %[p1], %[x1], %[w], %[p1]\n\t"                    \
    "smlad %[p2], %[x2], %[w], %[p2]\n\t"                    \
    "smlad %[p3], %[x3], %[w], %[p3]\n\t"

/* bias + one channel's weights, up to `end`, . scratch. In assembly as a whole, as compilers pull the loads apart. A word of
 * weights is loaded twice, so that the 13 registers do that a frame pointer leaves. */
static inline quad dot(const uint32_t *weights, const uint32_t *end, const char *at, int32_t bias)
{
    quad acc = {bias, bias, bias, bias};
    uint32_t steps, w, x0, x1, x2, x3;
    __asm__ volatile("1:\n\t"
                     "ldr %[steps], [%[weights]], #12\n\t"
                     GROUP("", "-8", "")
                     GROUP(", ror #8", "-8", ", ror #8")
                     GROUP(", ror #16", "-4", "")
                     GROUP(", ror #24", "-4", ", ror #8")
                     "cmp %[weights], %[end]\n\t"
                     "bne 1b"
                     : [weights] "+&r"(weights), [at] "+&r"(at), [p0] "+&r"(acc.p0), [p1] "+&r"(acc.p1),
                       [p2] "+&r"(acc.p2), [p3] "+&r"(acc.p3), [steps] "=&r"(steps), [w] "=&r"(w), [x0] "=&r"(x0),
                       [x1] "=&r"(x1), [x2] "=&r"(x2), [x3] "=&r"(x3)
                     : [end] "r"(end)
                     : "cc", "memory");
    return acc;
}

#else

static inline void add_group(const char *at, uint32_t pair, quad *acc)
{
    const uint32_t *const x = (const uint32_t *)(const void *)at;
    acc->p0 = tp_smlad(x[0], pair, acc->p0);
    acc->p1 = tp_smlad(x[1], pair, acc->p1);
    acc->p2 = tp_smlad(x[2], pair, acc->p2);
    acc->p3 = tp_smlad(x[3], pair, acc->p3);
}

static inline quad dot(const uint32_t *weights, const uint32_t *end, const char *at, int32_t bias)
{
    quad acc = {bias, bias, bias, bias};
    for (; weights != end; weights += 3) {
        at = tp_step0(at, weights[0]);
        add_group(at, tp_sxtb16(weights[1]), &acc);
        at = tp_step1(at, weights[0]);
        add_group(at, tp_sxtb16_ror8(weights[1]), &acc);
        at = tp_step2(at, weights[0]);
        add_group(at, tp_sxtb16(weights[2]), &acc);
        at = tp_step3(at, weights[0]);
        add_group(at, tp_sxtb16_ror8(weights[2]), &acc);
    }
    return acc;
}

#endif

static inline quad requantize(quad acc, const tp_channel *channel, int32_t zero_point)
{
    const int32_t multiplier = channel->multiplier, right_shift = -channel->shift;
    const int32_t offset = tp_fast_offset(right_shift, zero_point);
    return (quad){tp_ssat8(tp_requantize_fast(acc.p0, multiplier, right_shift, offset)),
                  tp_ssat8(tp_requantize_fast(acc.p1, multiplier, right_shift, offset)),
                  tp_ssat8(tp_requantize_fast(acc.p2, multiplier, right_shift, offset)),
                  tp_ssat8(tp_requantize_fast(acc.p3, multiplier, right_shift, offset))};
}

static inline quad clamp(quad y, int32_t low, int32_t high)
{
    return (quad){tp_clamp(y.p0, low, high), tp_clamp(y.p1, low, high), tp_clamp(y.p2, low, high),
                  tp_clamp(y.p3, low, high)};
}

/* All output channels of four pixels, of which output[PIXELS] are the places. */
static void four_pixels(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                        const char *scratch, int8_t *const output[PIXELS])
{
    const int32_t words = (layer->in_channels + 15) / 16 * 3, out_channels = layer->out_channels;
    const int32_t zero_point = layer->output_zero_point, low = layer->activation_min, high = layer->activation_max;
    const int clamps = low > -128 || high < 127;
    for (int32_t o = 0; o < out_channels; o++) {
        quad y = requantize(dot(weights, weights + words, scratch, channels->bias), channels, zero_point);
        if (clamps) {
            y = clamp(y, low, high);
        }
        output[0][o] = (int8_t)y.p0;
        output[1][o] = (int8_t)y.p1;
        output[2][o] = (int8_t)y.p2;
        output[3][o] = (int8_t)y.p3;
        weights += words;
        channels++;
    }
}

void tp_conv_1x1_s8_sp24_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                             const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t last = layer->out_height * layer->out_width - 1, groups = layer->in_channels / 4;
    const int32_t padding = (groups + 3) / 4 * 4 - groups;
    uint32_t *pairs = scratch;
    memset(pairs + GROUP_WORDS * groups, 0, sizeof(uint32_t) * GROUP_WORDS * (size_t)padding); /* read with weights 0 */
    for (int32_t first = 0; first <= last; first += PIXELS) {
        int8_t *places[PIXELS];
        for (int32_t i = 0; i < PIXELS; i++) { /* beyond the last pixel, that one is computed again */
            const int32_t pixel = first + i < last ? first + i : last;
            expand(input + pixel * layer->in_channels, groups, pairs + i);
            places[i] = output + pixel * layer->out_channels;
        }
        four_pixels(layer, weights, channels, scratch, places);
    }
}
