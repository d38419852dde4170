/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"
#include "tp_pairs.h"

#if TP_DSP

/* In assembly as a whole, for five loads back to back. r3 is `pairs`, r8 to r11 the pixels; of one in `x` r1 becomes (x1, x3)
 * and `even` (x0, x2). */
#define EXPAND(x, even, p0, p1, p2, p3, p4, p5)    \
    "sxtb16 r1, " x ", ror #8\n\t"                 \
    "sxtb16 " even ", " x "\n\t"                   \
    "pkhbt r2, " even ", r1, lsl #16\n\t"          \
    "str r2, [r3, #" p0 "]\n\t"                    \
    "pkhbt r2, " even ", r1\n\t"                   \
    "str " even ", [r3, #" p1 "]\n\t"              \
    "str r2, [r3, #" p2 "]\n\t"                    \
    "pkhbt r2, r1, " even "\n\t"                   \
    "str r1, [r3, #" p4 "]\n\t"                    \
    "str r2, [r3, #" p3 "]\n\t"                    \
    "pkhtb r2, r1, " even ", asr #16\n\t"          \
    "str r2, [r3, #" p5 "]\n\t"

__attribute__((naked, noinline)) void tp_expand_dsp(__attribute__((unused)) const int8_t *input,
                                                    __attribute__((unused)) const int32_t pixels[TP_TILE_PIXELS - 1],
                                                    __attribute__((unused)) int32_t groups,
                                                    __attribute__((unused)) uint32_t *pairs)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r1, {r8-r11}\n\t"
        "mov r1, #120\n\t"
        "mla lr, r2, r1, r3\n\t"
        ".balign 4\n\t"
        "1:\n\t"
        "ldr r5, [r0, r8]\n\t"
        "ldr r6, [r0, r9]\n\t"
        "ldr r7, [r0, r10]\n\t"
        "ldr r12, [r0, r11]\n\t"
        "ldr r4, [r0], #4\n\t"
        EXPAND("r4", "r4", "0", "20", "40", "60", "80", "100")
        EXPAND("r5", "r5", "4", "24", "44", "64", "84", "104")
        EXPAND("r6", "r6", "8", "28", "48", "68", "88", "108")
        EXPAND("r7", "r7", "12", "32", "52", "72", "92", "112")
        EXPAND("r12", "r4", "16", "36", "56", "76", "96", "116")
        "adds r3, r3, #120\n\t"
        "cmp r3, lr\n\t"
        "bne 1b\n\t"
        "pop {r4-r11, pc}");
}

#else

void tp_expand_dsp(const int8_t *input, const int32_t pixels[TP_TILE_PIXELS - 1], int32_t groups, uint32_t *pairs)
{
    for (int32_t group = 0; group < groups; group++) {
        tp_expand_group(input, pairs, TP_TILE_PIXELS);
        for (int32_t i = 1; i < TP_TILE_PIXELS; i++) {
            tp_expand_group(input + pixels[i - 1], pairs + i, TP_TILE_PIXELS);
        }
        input += 4;
        pairs += TP_GROUP_WORDS;
    }
}

#endif
