/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* What STM32U5 and H5 share, both with a Cortex-M33 whose TrustZone is off (option TZEN, as it leaves the factory). Reference
 * manuals RM0456 (U5) and RM0481 (H5), chapters RCC, GPIO, USART and LPUART; register addresses as in ST's cmsis_device_u5
 * (stm32u575xx.h) and cmsis_device_h5 (stm32h563xx.h). */
#ifndef TP_SERIES_H
#define TP_SERIES_H

#include "line.h" /* what differs between the two */

#define GPIO_BASE 0x42020000u
#define RCC_AHB2ENR REGISTER(RCC + 0x8C)
#define GPIO_ENABLE RCC_AHB2ENR
#define RCC_APB1ENR REGISTER(RCC + 0x9C)
#define RCC_APB2ENR REGISTER(RCC + 0xA4)
#define RCC_APB3ENR REGISTER(RCC + 0xA8)

#define USART_HAS_ISR 1
#define CORE_LOCKS_DWT 0

/* All buses run at the core's clock, and RCC_CCIPR1 and 3 select the bus clock for every UART after reset. */
#define LPUART1_BASE (APB3 + 0x2400u)
#define LPUART1_ENABLE (RCC_APB3ENR |= 1u << 6)
#define LPUART1_CLOCK_HZ CPU_CLOCK_HZ
#define USART1_BASE 0x40013800u
#define USART1_ENABLE (RCC_APB2ENR |= 1u << 14)
#define USART1_CLOCK_HZ CPU_CLOCK_HZ
#define USART2_BASE 0x40004400u
#define USART2_ENABLE (RCC_APB1ENR |= 1u << 17)
#define USART2_CLOCK_HZ CPU_CLOCK_HZ
#define USART3_BASE 0x40004800u
#define USART3_ENABLE (RCC_APB1ENR |= 1u << 18)
#define USART3_CLOCK_HZ CPU_CLOCK_HZ
#define UART4_BASE 0x40004C00u
#define UART4_ENABLE (RCC_APB1ENR |= 1u << 19)
#define UART4_CLOCK_HZ CPU_CLOCK_HZ
#define UART5_BASE 0x40005000u
#define UART5_ENABLE (RCC_APB1ENR |= 1u << 20)
#define UART5_CLOCK_HZ CPU_CLOCK_HZ

#endif
