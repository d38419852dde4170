/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32U5: RM0456, chapters PWR (dynamic voltage scaling, EPOD booster), FLASH (read access latency) and RCC. */
#ifndef TP_LINE_H
#define TP_LINE_H

#define APB3 0x46000000u
#define RCC 0x46020C00u

#define CPU_CLOCK_MIN_HZ (64 * MHZ) /* of a PLL of at least 128 MHz */
#define CPU_CLOCK_MAX_HZ (160 * MHZ)
#define SOURCE_CLOCK_MAX_HZ (16 * MHZ) /* of the booster's, which is not divided */

/* PLL1CFGR: M divides by one more than it says; range 4 to 8 MHz; output R drives the core. */
#define PLL_M_FIELD (PLLM - 1)
#define PLL_RANGE 0u
#define PLL_OUTPUT_ON (1u << 18)
#define SWS_SHIFT 2

/* Voltage range 1: 32 MHz a wait state. */
#define FLASH_ACCESS ((CPU_CLOCK_HZ - 1) / (32 * MHZ))

#define INTERNAL_CLOCK_HZ (16 * MHZ) /* HSI16 */
enum { INTERNAL_ON = 1 << 8, INTERNAL_READY = 1 << 10, INTERNAL_SOURCE = 2 };

#define RCC_AHB3ENR REGISTER(RCC + 0x94)
#define PWR_VOSR REGISTER(0x4602080C)

/* From range 4, which reset leaves, to range 1. */
static inline void tp_line_raise_voltage(void) {
    RCC_AHB3ENR |= 1u << 2; /* PWREN */
    (void)RCC_AHB3ENR;
    PWR_VOSR |= 3u << 16;              /* VOS */
    while (!(PWR_VOSR & 1u << 15)) {   /* VOSRDY */
    }
}

/* The booster, which the core needs above 55 MHz, runs on the PLL's source. */
static inline void tp_line_boost(void) {
    PWR_VOSR |= 1u << 18;              /* BOOSTEN */
    while (!(PWR_VOSR & 1u << 14)) {   /* BOOSTRDY */
    }
}

#endif
