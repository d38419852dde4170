/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32F76x, F77x: RM0410. */
#ifndef TP_LINE_H
#define TP_LINE_H

#define USART_HAS_ISR 1
#define CORE_LOCKS_DWT 1
#define CORE_HAS_CACHES 1

#define CPU_CLOCK_MAX_HZ (216 * MHZ)
#define NEEDS_OVERDRIVE (CPU_CLOCK_HZ > 180 * MHZ)
/* FLASH_ACR besides LATENCY: none. PRFTEN and ARTEN serve fetches at 0x0020 0000 (ITCM); the program runs at 0x0800 0000
 * (AXI), through the core's own caches. */
#define FLASH_ACR_FLAGS 0u

#endif
