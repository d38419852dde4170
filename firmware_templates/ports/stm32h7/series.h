/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32H7, its Cortex-M7. Reference manual RM0399 (H745, H747, H755, H757), chapters RCC, GPIO and USART; register addresses as
 * in ST's cmsis_device_h7, stm32h747xx.h. */
#ifndef TP_SERIES_H
#define TP_SERIES_H

#define GPIO_BASE 0x58020000u
#define RCC_AHB4ENR REGISTER(0x580244E0)
#define GPIO_ENABLE RCC_AHB4ENR
#define RCC_APB1LENR REGISTER(0x580244E8)
#define RCC_APB2ENR REGISTER(0x580244F0)

#define USART_HAS_ISR 1
#define CORE_LOCKS_DWT 1

/* clock.c divides by two for the AHB, by two again for each APB, and gives every UART its bus's clock. */
#define APB_CLOCK_HZ (CPU_CLOCK_HZ / 4)

#define USART1_BASE 0x40011000u
#define USART1_ENABLE (RCC_APB2ENR |= 1u << 4)
#define USART1_CLOCK_HZ APB_CLOCK_HZ
#define USART2_BASE 0x40004400u
#define USART2_ENABLE (RCC_APB1LENR |= 1u << 17)
#define USART2_CLOCK_HZ APB_CLOCK_HZ
#define USART3_BASE 0x40004800u
#define USART3_ENABLE (RCC_APB1LENR |= 1u << 18)
#define USART3_CLOCK_HZ APB_CLOCK_HZ
#define UART4_BASE 0x40004C00u
#define UART4_ENABLE (RCC_APB1LENR |= 1u << 19)
#define UART4_CLOCK_HZ APB_CLOCK_HZ
#define UART5_BASE 0x40005000u
#define UART5_ENABLE (RCC_APB1LENR |= 1u << 20)
#define UART5_CLOCK_HZ APB_CLOCK_HZ
#define USART6_BASE 0x40011400u
#define USART6_ENABLE (RCC_APB2ENR |= 1u << 5)
#define USART6_CLOCK_HZ APB_CLOCK_HZ
#define UART7_BASE 0x40007800u
#define UART7_ENABLE (RCC_APB1LENR |= 1u << 30)
#define UART7_CLOCK_HZ APB_CLOCK_HZ
#define UART8_BASE 0x40007C00u
#define UART8_ENABLE (RCC_APB1LENR |= 1u << 31)
#define UART8_CLOCK_HZ APB_CLOCK_HZ

#endif
