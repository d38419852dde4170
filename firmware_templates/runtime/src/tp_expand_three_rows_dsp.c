/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

#if TP_DSP

/* In assembly as a whole, for five loads back to back. r1 to r3 are a group's pairs in the kernel's rows 0 to 2. Of a word x r11
 * becomes (x1, x3) and x (x0, x2); `store` does so for each pair, the first one last. */
#define EXPAND(x, store)                        \
    "sxtb16 r11, " x ", ror #8\n\t"             \
    "sxtb16 " x ", " x "\n\t"                   \
    "pkhbt lr, " x ", r11\n\t"                  \
    store(x, 12) store("lr", 24)                \
    "pkhbt lr, r11, " x "\n\t"                  \
    store("r11", 48) store("lr", 36)            \
    "pkhtb lr, r11, " x ", asr #16\n\t"         \
    store("lr", 60)                             \
    "pkhbt lr, " x ", r11, lsl #16\n\t"         \
    store("lr", 0)
/* Of an input row, the places of the pixels that have it: pixel i has the kernel's row 0 in input row i. */
#define STORE(x, row, pair, pixel) "str " x ", [" row ", #" #pair " + " #pixel "]\n\t"
#define ROW_4(x, pair) STORE(x, "r3", pair, 8)
#define ROW_3(x, pair) STORE(x, "r2", pair, 8) STORE(x, "r3", pair, 4)
#define ROW_2(x, pair) STORE(x, "r1", pair, 8) STORE(x, "r2", pair, 4) STORE(x, "r3", pair, 0)
#define ROW_1(x, pair) STORE(x, "r1", pair, 4) STORE(x, "r2", pair, 0)
#define ROW_0(x, pair) STORE(x, "r1", pair, 0)

/* On the stack: 0 bytes of a kernel row's pairs, 4 columns left. */
__attribute__((naked, noinline)) void tp_expand_three_rows_dsp(__attribute__((unused)) const tp_duos *layer,
                                                               __attribute__((unused)) const int8_t *input,
                                                               __attribute__((unused)) int32_t columns)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldr r6, [r0, #8]\n\t" /* piece_groups */
        "ldr r4, [r0, #12]\n\t" /* piece_step */
        "ldr r3, [r0]\n\t" /* expanded */
        "mov r7, #72\n\t"
        "mul r6, r6, r7\n\t"
        "mov r7, r2\n\t"
        "push {r6, r7}\n\t"
        "mov r0, r1\n\t"
        "mov r1, r3\n\t"
        "add r2, r1, r6\n\t"
        "add r3, r2, r6\n\t"
        "add r5, r4, r4, lsl #1\n\t"
        "add r12, r1, r6\n\t"
        ".balign 4\n\t"
        "1:\n\t"
        "ldr r10, [r0, r4, lsl #2]\n\t"
        "ldr r9, [r0, r5]\n\t"
        "ldr r8, [r0, r4, lsl #1]\n\t"
        "ldr r7, [r0, r4]\n\t"
        "ldr r6, [r0], #4\n\t"
        EXPAND("r10", ROW_4) EXPAND("r9", ROW_3) EXPAND("r8", ROW_2) EXPAND("r7", ROW_1) EXPAND("r6", ROW_0)
        "adds r1, r1, #72\n\t"
        "adds r2, r2, #72\n\t"
        "adds r3, r3, #72\n\t"
        "cmp r1, r12\n\t"
        "bne 1b\n\t"
        "ldr r6, [sp]\n\t" /* the next column */
        "ldr r7, [sp, #4]\n\t"
        "add r1, r1, r6, lsl #1\n\t"
        "add r2, r2, r6, lsl #1\n\t"
        "add r3, r3, r6, lsl #1\n\t"
        "add r12, r1, r6\n\t"
        "subs r7, r7, #1\n\t"
        "str r7, [sp, #4]\n\t"
        "bne 1b\n\t"
        "add sp, sp, #8\n\t"
        "pop {r4-r11, pc}");
}

#else

#include "tp_pairs.h"

void tp_expand_three_rows_dsp(const tp_duos *layer, const int8_t *input, int32_t columns)
{
    uint32_t *pairs = layer->expanded;
    for (int32_t column = 0; column < columns; column++) {
        for (int32_t row = 0; row < 3; row++) {
            for (int32_t group = 0; group < layer->piece_groups; group++) {
                for (int32_t i = 0; i < TP_DUO_PIXELS; i++) {
                    tp_expand_group(input + (row + i) * layer->piece_step + 4 * group, pairs + i, TP_DUO_PIXELS);
                }
                pairs += TP_DUO_GROUP_WORDS;
            }
        }
        input += layer->window->in_channels;
    }
}

#endif
