/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32G4: RM0440, chapters PWR (dynamic voltage scaling), FLASH (read access latency) and RCC. */
#ifndef TP_LINE_H
#define TP_LINE_H

#define CPU_CLOCK_MAX_HZ (170 * MHZ)
#define PLLM_MAX 16u
#define PLLN_MAX 127u
#define PORT_G_HAS_OWN_SUPPLY 0

/* Voltage range 1: 30 MHz a wait state up to 150 MHz; above, in boost mode: 34 MHz. */
#define BOOST (CPU_CLOCK_HZ > 150 * MHZ)
#define WAIT_STATES ((CPU_CLOCK_HZ - 1) / ((BOOST ? 34 : 30) * MHZ))

#endif
