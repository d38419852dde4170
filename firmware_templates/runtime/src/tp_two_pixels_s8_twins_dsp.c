/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Tiles of two pixels, four output channels at a time: 16 multiplications in 15 cycles. */
#include "tp_dsp.h"
#include "tp_twins.h"

#if TP_DSP

/* In assembly as a whole, for its 14 registers: r0, r1 are sums of channels 0 and 1 together, r2, r3 of channel 0, r4 to r7 the
 * same of channels 2 and 3; r8 and r9 are activations, r10 and r11 weights, r12 and lr pointers to them. */
#define PAIR(at, behind) PAIR_AT("#" at "]", behind)
#define PAIR_AT(at, behind)                   \
    "ldr.w r8, [r12, " at "\n\t"              \
    "ldr.w r9, [r12, #" behind "]\n\t"        \
    "ldr.w r10, [lr, " at "\n\t"              \
    "ldr.w r11, [lr, #" behind "]\n\t"        \
    "smlad r0, r8, r10, r0\n\t"               \
    "smlad r1, r9, r10, r1\n\t"               \
    "sxtb16 r10, r10\n\t"                     \
    "smlad r4, r8, r11, r4\n\t"               \
    "smlad r5, r9, r11, r5\n\t"               \
    "sxtb16 r11, r11\n\t"                     \
    "smlad r2, r8, r10, r2\n\t"               \
    "smlad r3, r9, r10, r3\n\t"               \
    "smlad r6, r8, r11, r6\n\t"               \
    "smlad r7, r9, r11, r7\n\t"
/* Moves on first, but where it is entered behind that. */
#define RUN                                                                         \
    PAIR_AT("#128]!", "4") PAIR("8", "12") PAIR("16", "20") PAIR("24", "28")                \
    PAIR("32", "36") PAIR("40", "44") PAIR("48", "52") PAIR("56", "60")             \
    PAIR("64", "68") PAIR("72", "76") PAIR("80", "84") PAIR("88", "92")             \
    PAIR("96", "100") PAIR("104", "108") PAIR("112", "116") PAIR("120", "124")
#define OUTPUTS(a, b, signs)                  \
    "ldm lr!, {r8-r10}\n\t"                   \
    signs(a, b)                               \
    "asr.w " a ", " a ", r10\n\t"             \
    "asr.w " b ", " b ", r10\n\t"             \
    "ssat " a ", #8, " a "\n\t"               \
    "ssat " b ", #8, " b "\n\t"
#define ALL_OUTPUTS(signs) \
    OUTPUTS("r2", "r3", signs) OUTPUTS("r0", "r1", signs) OUTPUTS("r6", "r7", signs) OUTPUTS("r4", "r5", signs)
#define ANY(a, b)                             \
    "smmlar r11, " a ", r8, r9\n\t"           \
    "smmlar r8, " b ", r8, r9\n\t"            \
    "add.w " a ", r11, " a ", asr #31\n\t"    \
    "add.w " b ", r8, " b ", asr #31\n\t"
/* Where the output's zero point is -128: sums below 0 become -128 however they round. */
#define FLOOR(a, b)                           \
    "smmlar " a ", " a ", r8, r9\n\t"         \
    "smmlar " b ", " b ", r8, r9\n\t"

/* Where the next four channels go, and whether there are any. */
#define STORE_OUTPUT(end) \
    "subs.w r11, r11, #1\n\t" \
    "str.w r8, [sp]\n\t" \
    "str.w r11, [sp, #12]\n\t" \
    "beq.w " end "\n\t"
/* Their sums, and where their weights begin. */
#define NEXT_FOUR \
    "ldr.w r12, [sp, #16]\n\t" \
    "ldr.w r8, [sp, #20]\n\t" \
    "ldr.w r9, [sp, #24]\n\t" \
    "ldm lr!, {r0, r2, r4, r6}\n\t" \
    "mov r1, r0\n\t" \
    "mov r3, r2\n\t" \
    "mov r5, r4\n\t" \
    "mov r7, r6\n\t" \
    "sub.w lr, lr, r8\n\t" \
    "bx r9\n\t"

/* On the stack: 0 output, 4 bytes to pixel 1, 8 channel_step, 12 fours left, 16 where the activations of the first run would
 * begin, 20 the bytes of it that are skipped, or of the one before it, 24 where to enter it, 28 where the last run begins, less
 * one with `plain`, 32 weights, 36 expanded, 40 groups, 44 the tile's output, 48 fours, 52 tiles left, 56 input of both pixels,
 * 64 bytes to those of the next tile, 68 and to its output, 72 piece_groups, 76 bytes from the end of
 * a piece's fours to the next. */
__attribute__((naked, noinline)) void tp_two_pixels_s8_twins_dsp(__attribute__((unused)) const tp_twins *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "add r12, r0, #28\n\t"
        "ldm r12, {r1-r7}\n\t" /* tiles, input[2], step, out_step, piece_groups, piece_step */
        "bic r8, r6, #1\n\t"
        "sub r7, r7, r8, lsl #1\n\t"
        "push {r1-r7}\n\t"
        "ldm r0, {r1-r7}\n\t" /* weights, expanded, groups, output, to, channel_step, fours */
        "push {r1-r4, r7}\n\t"
        "rsb r8, r3, #0\n\t"
        "ands r8, r8, #15\n\t"
        "ite ne\n\t"
        "lslne r9, r8, #3\n\t"
        "moveq r9, #128\n\t"
        "ldr r10, [r0, #56]\n\t" /* plain */
        "add r11, r2, r3, lsl #3\n\t"
        "sub r11, r11, r10\n\t"
        "sub r11, r11, #128\n\t"
        "sub r2, r2, r9\n\t"
        "mov r10, #56\n\t" /* bytes of code a group of two taps */
        "mul r8, r8, r10\n\t"
        "adr.w r10, 2f\n\t"
        "add r10, r10, r8\n\t"
        "orr r10, r10, #1\n\t"
        "mov r8, r2\n\t"
        "push {r4-r11}\n\t"
        "b.w 1f\n\t"
        ".balign 4\n\t"
        "2:\n\t"
        RUN
        "ldr.w r8, [sp, #28]\n\t"
        "cmp r12, r8\n\t"
        "blo.w 2b\n\t"
        "add.w lr, lr, #128\n\t"
        "sub.w r0, r0, r2\n\t"
        "sub.w r1, r1, r3\n\t"
        "sub.w r4, r4, r6\n\t"
        "sub.w r5, r5, r7\n\t"
        "asr.w r0, r0, #7\n\t"
        "asr.w r1, r1, #7\n\t"
        "asr.w r4, r4, #7\n\t"
        "asr.w r5, r5, #7\n\t"
        "lsl.w r2, r2, #1\n\t"
        "lsl.w r3, r3, #1\n\t"
        "lsl.w r6, r6, #1\n\t"
        "lsl.w r7, r7, #1\n\t"
        "bhi.w 9f\n\t"
        ALL_OUTPUTS(ANY)
        "ldr.w r8, [sp]\n\t"
        "ldr.w r9, [sp, #4]\n\t"
        "ldr.w r10, [sp, #8]\n\t"
        "ldr.w r11, [sp, #12]\n\t"
        "strb.w r2, [r8]\n\t"
        "strb.w r3, [r8, r9]\n\t"
        "add.w r8, r8, r10\n\t"
        "strb.w r0, [r8]\n\t"
        "strb.w r1, [r8, r9]\n\t"
        "add.w r8, r8, r10\n\t"
        "strb.w r6, [r8]\n\t"
        "strb.w r7, [r8, r9]\n\t"
        "add.w r8, r8, r10\n\t"
        "strb.w r4, [r8]\n\t"
        "strb.w r5, [r8, r9]\n\t"
        "add.w r8, r8, r10\n\t"
        STORE_OUTPUT("5f")
        "4:\n\t" /* the next four channels */
        NEXT_FOUR
        "5:\n\t" /* the next tile */
        "ldr r8, [sp, #52]\n\t"
        "subs r8, r8, #1\n\t"
        "str r8, [sp, #52]\n\t"
        "beq.w 11f\n\t"
        "1:\n\t"
        "ldr r9, [sp, #40]\n\t"
        "ldr r2, [sp, #36]\n\t"
        "ldr r10, [sp, #72]\n\t"
        "ldr r3, [sp, #56]\n\t"
        "ldr r4, [sp, #60]\n\t"
        "ldr r5, [sp, #64]\n\t"
        "ldr r11, [sp, #76]\n\t"
        "cbz r3, 8f\n\t"
        "add r6, r3, r5\n\t"
        "add r7, r4, r5\n\t"
        "str r6, [sp, #56]\n\t"
        "str r7, [sp, #60]\n\t"
        "tst r10, #1\n\t"
        "bne.w 10f\n\t"
        "6:\n\t" /* a piece */
        "add r12, r2, r10, lsl #3\n\t"
        ".balign 4\n\t"
        "7:\n\t"
        TP_EXPAND_TWO("r3", "r4", "r2")
        "cmp r2, r12\n\t"
        "bne 7b\n\t"
        "add r3, r3, r11\n\t"
        "add r4, r4, r11\n\t"
        "subs r9, r9, r10\n\t"
        "bgt 6b\n\t"
        "8:\n\t"
        "ldr lr, [sp, #32]\n\t"
        "ldr r5, [sp, #44]\n\t"
        "ldr r4, [sp, #48]\n\t"
        "ldr r6, [sp, #68]\n\t"
        "str r5, [sp]\n\t"
        "str r4, [sp, #12]\n\t"
        "add r5, r5, r6\n\t"
        "str r5, [sp, #44]\n\t"
        "b.w 4b\n\t"
        "9:\n\t" /* outputs of layers that are plain */
        ALL_OUTPUTS(FLOOR)
        "ldr.w r8, [sp]\n\t"
        "ldr.w r9, [sp, #4]\n\t"
        "ldr.w r11, [sp, #12]\n\t"
        "add.w r9, r8, r9\n\t"
        "strb.w r2, [r8]\n\t"
        "strb.w r0, [r8, #1]\n\t"
        "strb.w r6, [r8, #2]\n\t"
        "strb.w r4, [r8, #3]\n\t"
        "strb.w r3, [r9]\n\t"
        "strb.w r1, [r9, #1]\n\t"
        "strb.w r7, [r9, #2]\n\t"
        "strb.w r5, [r9, #3]\n\t"
        "add.w r8, r8, #4\n\t"
        STORE_OUTPUT("5b")
        NEXT_FOUR
        "10:\n\t" /* pieces of an odd number of groups */
        TP_EXPAND_ODD_PIECES
        "b.w 8b\n\t"
        "11:\n\t"
        "add sp, sp, #80\n\t"
        "pop {r4-r11, pc}");
}

#else

void tp_two_pixels_s8_twins_dsp(const tp_twins *job)
{
    tp_twins tile = *job;
    for (; tile.tiles > 0; tile.tiles--) {
        if (tile.input[0]) {
            tp_expand_two(tile.input[0], tile.input[1], tile.groups, tile.piece_groups, tile.piece_step, tile.expanded);
        }
        tp_twins_pixels(&tile, 2);
        for (int32_t i = 0; i < 2 && tile.input[0]; i++) {
            tile.input[i] += tile.step;
        }
        tile.output += tile.out_step;
    }
}

#endif
