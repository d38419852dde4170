/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* What STM32F4 and F7 share. Reference manuals RM0090 (F405/407) and RM0410 (F76x), chapters RCC, GPIO and USART; register
 * addresses as in ST's cmsis_device_f4 (stm32f407xx.h) and cmsis_device_f7 (stm32f767xx.h). */
#ifndef TP_SERIES_H
#define TP_SERIES_H

#include "line.h" /* what differs between the two */

#define GPIO_BASE 0x40020000u
#define RCC_AHB1ENR REGISTER(0x40023830)
#define GPIO_ENABLE RCC_AHB1ENR
#define RCC_APB1ENR REGISTER(0x40023840)
#define RCC_APB2ENR REGISTER(0x40023844)

#ifdef SOURCE_IS_RESET
/* Nothing divides the clock that reset leaves. TIM2 counts it, 32 bits wide, from 0, without prescaler and to the highest
 * limit, all as after reset (RM0090, 18.4): it stands in for the DWT, which QEMU's STM32F405 has not. */
#define APB1_CLOCK_HZ CPU_CLOCK_HZ
#define APB2_CLOCK_HZ CPU_CLOCK_HZ
#define CYCLE_TIMER 0x40000000u
#define CYCLE_TIMER_ENABLE (RCC_APB1ENR |= 1u << 0)
#else
/* As clock.c sets the buses up. */
#define APB1_CLOCK_HZ (CPU_CLOCK_HZ / 4)
#define APB2_CLOCK_HZ (CPU_CLOCK_HZ / 2)
#endif

#define USART1_BASE 0x40011000u
#define USART1_ENABLE (RCC_APB2ENR |= 1u << 4)
#define USART1_CLOCK_HZ APB2_CLOCK_HZ
#define USART2_BASE 0x40004400u
#define USART2_ENABLE (RCC_APB1ENR |= 1u << 17)
#define USART2_CLOCK_HZ APB1_CLOCK_HZ
#define USART3_BASE 0x40004800u
#define USART3_ENABLE (RCC_APB1ENR |= 1u << 18)
#define USART3_CLOCK_HZ APB1_CLOCK_HZ
#define UART4_BASE 0x40004C00u
#define UART4_ENABLE (RCC_APB1ENR |= 1u << 19)
#define UART4_CLOCK_HZ APB1_CLOCK_HZ
#define UART5_BASE 0x40005000u
#define UART5_ENABLE (RCC_APB1ENR |= 1u << 20)
#define UART5_CLOCK_HZ APB1_CLOCK_HZ
#define USART6_BASE 0x40011400u
#define USART6_ENABLE (RCC_APB2ENR |= 1u << 5)
#define USART6_CLOCK_HZ APB2_CLOCK_HZ

#endif
