/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* What STM32L4, L4+ and G4 share. Reference manuals RM0432 (L4+) and RM0440 (G4), chapters RCC, GPIO, USART and LPUART;
 * register addresses as in ST's cmsis_device_l4 (stm32l4r5xx.h) and cmsis_device_g4 (stm32g474xx.h). */
#ifndef TP_SERIES_H
#define TP_SERIES_H

#include "line.h" /* what differs between them */

#define GPIO_BASE 0x48000000u
#define RCC_AHB2ENR REGISTER(0x4002104C)
#define GPIO_ENABLE RCC_AHB2ENR
#define RCC_APB1ENR1 REGISTER(0x40021058)
#define RCC_APB1ENR2 REGISTER(0x4002105C)
#define RCC_APB2ENR REGISTER(0x40021060)

#define USART_HAS_ISR 1
#define CORE_LOCKS_DWT 0

/* All buses run at the core's clock, and RCC_CCIPR selects the bus clock for every UART after reset. */
#define LPUART1_BASE 0x40008000u
#define LPUART1_ENABLE (RCC_APB1ENR2 |= 1u << 0)
#define LPUART1_CLOCK_HZ CPU_CLOCK_HZ
#define USART1_BASE 0x40013800u
#define USART1_ENABLE (RCC_APB2ENR |= 1u << 14)
#define USART1_CLOCK_HZ CPU_CLOCK_HZ
#define USART2_BASE 0x40004400u
#define USART2_ENABLE (RCC_APB1ENR1 |= 1u << 17)
#define USART2_CLOCK_HZ CPU_CLOCK_HZ
#define USART3_BASE 0x40004800u
#define USART3_ENABLE (RCC_APB1ENR1 |= 1u << 18)
#define USART3_CLOCK_HZ CPU_CLOCK_HZ
#define UART4_BASE 0x40004C00u
#define UART4_ENABLE (RCC_APB1ENR1 |= 1u << 19)
#define UART4_CLOCK_HZ CPU_CLOCK_HZ
#define UART5_BASE 0x40005000u
#define UART5_ENABLE (RCC_APB1ENR1 |= 1u << 20)
#define UART5_CLOCK_HZ CPU_CLOCK_HZ

#endif
