/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32L4 and L4+: RM0432, chapters PWR (dynamic voltage scaling), FLASH (read access latency) and RCC. */
#ifndef TP_LINE_H
#define TP_LINE_H

#define CPU_CLOCK_MAX_HZ (120 * MHZ)
#define PLLM_MAX 8u
#define PLLN_MAX 86u
#define PORT_G_HAS_OWN_SUPPLY 1

/* Voltage range 1. L4: 16 MHz a wait state up to 80 MHz, which L4+ (20 MHz) also bears; above, L4+ in boost mode: 20 MHz. */
#define BOOST (CPU_CLOCK_HZ > 80 * MHZ)
#define WAIT_STATES ((CPU_CLOCK_HZ - 1) / ((BOOST ? 20 : 16) * MHZ))

#endif
