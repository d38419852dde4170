/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32H5: RM0481, chapters PWR (voltage scaling), FLASH (read access latency) and RCC. */
#ifndef TP_LINE_H
#define TP_LINE_H

#define APB3 0x44000000u
#define RCC 0x44020C00u

#define CPU_CLOCK_MIN_HZ (96 * MHZ) /* of a PLL of at least 192 MHz */
#define CPU_CLOCK_MAX_HZ (250 * MHZ)
#define SOURCE_CLOCK_MAX_HZ (50 * MHZ)

/* PLL1CFGR: M divides by what it says; range 4 to 8 MHz; output P drives the core. */
#define PLL_M_FIELD PLLM
#define PLL_RANGE 2u
#define PLL_OUTPUT_ON (1u << 16)
#define SWS_SHIFT 3

/* Voltage scale 0: 42 MHz a wait state; WRHIGHFREQ: one more above 84 and above 168 MHz. */
#define FLASH_ACCESS (((CPU_CLOCK_HZ - 1) / (84 * MHZ)) << 4 | (CPU_CLOCK_HZ - 1) / (42 * MHZ))

#define INTERNAL_CLOCK_HZ (32 * MHZ) /* HSI, divided by two as reset leaves it */
enum { INTERNAL_ON = 1 << 0, INTERNAL_READY = 1 << 1, INTERNAL_SOURCE = 1 };

#define PWR_VOSCR REGISTER(0x44020810)
#define PWR_VOSSR REGISTER(0x44020814)

/* From scale 3, which reset leaves, to scale 0. */
static inline void tp_line_raise_voltage(void) {
    PWR_VOSCR |= 3u << 4;              /* VOS */
    while (!(PWR_VOSSR & 1u << 3)) {   /* VOSRDY */
    }
}

static inline void tp_line_boost(void) {}

#endif
