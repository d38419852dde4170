/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"
#include "tp_pairs.h"

#define PIXELS TP_DUO_PIXELS

#if TP_DSP

/* In assembly as a whole, for three loads back to back. r2 is `pairs`; of a pixel's word x lr becomes (x1, x3) and x (x0, x2). */
#define EXPAND(x, to_p0, p1, p2, p3, p4, p5)       \
    "sxtb16 lr, " x ", ror #8\n\t"                 \
    "sxtb16 " x ", " x "\n\t"                      \
    "pkhbt r1, " x ", lr\n\t"                      \
    "str " x ", [r2, #" p1 "]\n\t"                 \
    "str r1, [r2, #" p2 "]\n\t"                    \
    "pkhbt r1, lr, " x "\n\t"                      \
    "str lr, [r2, #" p4 "]\n\t"                    \
    "str r1, [r2, #" p3 "]\n\t"                    \
    "pkhtb r1, lr, " x ", asr #16\n\t"             \
    "str r1, [r2, #" p5 "]\n\t"                    \
    "pkhbt r1, " x ", lr, lsl #16\n\t"             \
    "str r1, " to_p0 "\n\t"

__attribute__((naked, noinline)) void tp_expand_three_dsp(__attribute__((unused)) const tp_duos *layer,
                                                          __attribute__((unused)) const int8_t *const pixels[])
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r1, {r3, r7, r8}\n\t"
        "ldm r0, {r2, r9-r11}\n\t"
        "sub r11, r11, r10, lsl #2\n\t"
        "1:\n\t" /* a piece */
        "cmp r9, r10\n\t"
        "it lt\n\t"
        "movlt r10, r9\n\t"
        "mov r12, #72\n\t"
        "mla r12, r10, r12, r2\n\t"
        ".balign 4\n\t"
        "2:\n\t"
        "ldr r4, [r3], #4\n\t"
        "ldr r5, [r7], #4\n\t"
        "ldr r6, [r8], #4\n\t"
        EXPAND("r6", "[r2, #8]", "20", "32", "44", "56", "68")
        EXPAND("r5", "[r2, #4]", "16", "28", "40", "52", "64")
        EXPAND("r4", "[r2], #72", "12", "24", "36", "48", "60")
        "cmp r2, r12\n\t"
        "bne 2b\n\t"
        "add r3, r3, r11\n\t"
        "add r7, r7, r11\n\t"
        "add r8, r8, r11\n\t"
        "subs r9, r9, r10\n\t"
        "bgt 1b\n\t"
        "pop {r4-r11, pc}");
}

#else

void tp_expand_three_dsp(const tp_duos *layer, const int8_t *const pixels[])
{
    for (int32_t group = 0; group < layer->groups; group++) {
        const int32_t at = group / layer->piece_groups * layer->piece_step + group % layer->piece_groups * 4;
        for (int32_t i = 0; i < PIXELS; i++) {
            tp_expand_group(pixels[i] + at, layer->expanded + TP_DUO_GROUP_WORDS * group + i, PIXELS);
        }
    }
}

#endif
