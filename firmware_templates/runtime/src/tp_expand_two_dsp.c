/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"
#include "tp_twins.h"

#if TP_DSP

/* In assembly as a whole, for two loads and four stores together. */
__attribute__((naked, noinline)) void tp_expand_two_dsp(__attribute__((unused)) const tp_duos *layer,
                                                        __attribute__((unused)) const int8_t *const pixels[])
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldrd r3, r4, [r1]\n\t"
        "ldm r0, {r2, r9-r11}\n\t" /* expanded, groups, piece_groups, piece_step */
        "bic r12, r10, #1\n\t"
        "sub r11, r11, r12, lsl #1\n\t"
        "tst r10, #1\n\t"
        "bne 3f\n\t"
        "1:\n\t" /* a piece */
        "cmp r9, r10\n\t"
        "it lt\n\t"
        "movlt r10, r9\n\t"
        "add r12, r2, r10, lsl #3\n\t"
        ".balign 4\n\t"
        "2:\n\t"
        TP_EXPAND_TWO("r3", "r4", "r2")
        "cmp r2, r12\n\t"
        "bne 2b\n\t"
        "add r3, r3, r11\n\t"
        "add r4, r4, r11\n\t"
        "subs r9, r9, r10\n\t"
        "bgt 1b\n\t"
        "pop {r4-r11, pc}\n\t"
        "3:\n\t"
        TP_EXPAND_ODD_PIECES
        "pop {r4-r11, pc}");
}

#else

void tp_expand_two_dsp(const tp_duos *layer, const int8_t *const pixels[])
{
    tp_expand_two(pixels[0], pixels[1], layer->groups, layer->piece_groups, layer->piece_step, layer->expanded);
}

#endif
