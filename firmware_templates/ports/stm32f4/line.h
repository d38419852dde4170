/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32F405, F407, F415, F417: RM0090. */
#ifndef TP_LINE_H
#define TP_LINE_H

#define USART_HAS_ISR 0
#define CORE_LOCKS_DWT 0
#define CORE_HAS_CACHES 0

#define CPU_CLOCK_MAX_HZ (168 * MHZ)
#define NEEDS_OVERDRIVE 0
/* FLASH_ACR besides LATENCY: DCEN, ICEN, PRFTEN, the ART accelerator. */
#define FLASH_ACR_FLAGS (1u << 10 | 1u << 9 | 1u << 8)

#endif
