/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

#if TP_DSP

/* In assembly as a whole, for two loads and four stores together. */
__attribute__((naked, noinline)) void tp_expand_two_dsp(__attribute__((unused)) const tp_duos *layer,
                                                        __attribute__((unused)) const int8_t *const pixels[])
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldrd r3, r4, [r1]\n\t"
        "ldm r0, {r2, r9-r11}\n\t" /* expanded, groups, piece_groups, piece_step */
        "sub r11, r11, r10, lsl #2\n\t"
        "1:\n\t" /* a piece */
        "cmp r9, r10\n\t"
        "it lt\n\t"
        "movlt r10, r9\n\t"
        "add r12, r2, r10, lsl #4\n\t"
        "2:\n\t"
        "ldr r6, [r4], #4\n\t"
        "ldr r5, [r3], #4\n\t"
        "sxtb16 r8, r6, ror #8\n\t"
        "sxtb16 r7, r5, ror #8\n\t"
        "sxtb16 r6, r6\n\t"
        "sxtb16 r5, r5\n\t"
        "stm r2!, {r5-r8}\n\t"
        "cmp r2, r12\n\t"
        "bne 2b\n\t"
        "add r3, r3, r11\n\t"
        "add r4, r4, r11\n\t"
        "subs r9, r9, r10\n\t"
        "bgt 1b\n\t"
        "pop {r4-r11, pc}");
}

#else

void tp_expand_two_dsp(const tp_duos *layer, const int8_t *const pixels[])
{
    uint32_t *pairs = layer->expanded;
    for (int32_t group = 0; group < layer->groups; group++) {
        const int32_t at = group / layer->piece_groups * layer->piece_step + group % layer->piece_groups * 4;
        for (int32_t i = 0; i < TP_TWIN_PIXELS; i++) {
            uint32_t x;
            memcpy(&x, pixels[i] + at, sizeof x);
            pairs[i] = tp_sxtb16(x);
            pairs[TP_TWIN_PIXELS + i] = tp_sxtb16_ror8(x);
        }
        pairs += TP_TWIN_GROUP_WORDS;
    }
}

#endif
