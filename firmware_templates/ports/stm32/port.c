/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32: a USART or LPUART, polled, and the DWT cycle counter or the series' CYCLE_TIMER as the clock; tp_clock_init is the series'.
 *
 * Registers: the reference manual of the series (series.h names it), chapters GPIO and USART. DWT and DEMCR: Armv7-M
 * Architecture Reference Manual (DDI 0403E), C1.8 and C1.6.
 */
#include "port.h"
#include "stm32.h"

/* GPIO */
#define GPIO(port) (GPIO_BASE + 0x400u * (port))
#define GPIO_MODER(port) REGISTER(GPIO(port) + 0x00)
#define GPIO_BSRR(port) REGISTER(GPIO(port) + 0x18)
#define GPIO_PUPDR(port) REGISTER(GPIO(port) + 0x0C)
#define GPIO_AFR(port, half) REGISTER(GPIO(port) + 0x20 + 4u * (half))
/* USART: the older one (F1, F2, F4) has one data register and other places for the same things. */
#if USART_HAS_ISR
#define USART_CR1 REGISTER(UART_BASE + 0x00)
#define USART_BRR REGISTER(UART_BASE + 0x0C)
#define USART_STATUS REGISTER(UART_BASE + 0x1C) /* ISR */
#define USART_ICR REGISTER(UART_BASE + 0x20)
#define USART_RECEIVED REGISTER(UART_BASE + 0x24) /* RDR */
#define USART_SEND REGISTER(UART_BASE + 0x28)     /* TDR */
#define USART_CR1_UE (1u << 0)
#else
#define USART_STATUS REGISTER(UART_BASE + 0x00) /* SR */
#define USART_RECEIVED REGISTER(UART_BASE + 0x04) /* DR */
#define USART_SEND USART_RECEIVED
#define USART_BRR REGISTER(UART_BASE + 0x08)
#define USART_CR1 REGISTER(UART_BASE + 0x0C)
#define USART_CR1_UE (1u << 13)
#endif
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_ORE (1u << 3) /* of the status, as the next three */
#define USART_RXNE (1u << 5)
#define USART_TC (1u << 6)
#define USART_TXE (1u << 7)
#ifdef CYCLE_TIMER /* at the core's clock; chapter General-purpose timers */
#define TIM_CR1 REGISTER(CYCLE_TIMER + 0x00)
#define CYCLES REGISTER(CYCLE_TIMER + 0x24) /* CNT */
#define TIM_CR1_CEN (1u << 0)
#else
#define CYCLES DWT_CYCCNT
#endif
/* Core */
#define DWT_CTRL REGISTER(0xE0001000)
#define DWT_CYCCNT REGISTER(0xE0001004)
#define DWT_LAR REGISTER(0xE0001FB0)
#define DEMCR REGISTER(0xE000EDFC)

enum { BAUD = 115200, CYCLES_PER_US = CPU_CLOCK_HZ / MHZ, RX_BYTES = 256 };
_Static_assert(CPU_CLOCK_HZ % MHZ == 0, "cpu.clock_hz must be whole MHz");

/* Bytes that came while the firmware was sending; [rx_first, rx_end) modulo RX_BYTES. */
static uint8_t rx_bytes[RX_BYTES];
static uint32_t rx_first, rx_end;
static uint64_t time_us;
static uint32_t time_cycles; /* CYCLES at time_us */

static void start_cycle_counter(void) {
#ifdef CYCLE_TIMER
    CYCLE_TIMER_ENABLE;
    (void)TIM_CR1; /* the clock reaches the timer a few cycles later */
    TIM_CR1 = TIM_CR1_CEN;
#else
    DEMCR |= 1u << 24; /* TRCENA: powers the DWT */
#if CORE_LOCKS_DWT
    DWT_LAR = 0xC5ACCE55; /* the Cortex-M7 ignores writes to the DWT until it is unlocked */
#endif
    DWT_CYCCNT = 0;
    DWT_CTRL |= 1; /* CYCCNTENA */
#endif
}

static void start_gpio(uint32_t port) {
    GPIO_ENABLE |= 1u << port;
    (void)GPIO_ENABLE; /* the clock reaches the port two cycles later */
}

static void select_mode(uint32_t port, uint32_t pin, uint32_t mode) {
    GPIO_MODER(port) = (GPIO_MODER(port) & ~(3u << 2 * pin)) | mode << 2 * pin;
}

#ifdef SOURCE_ENABLE_PIN
/* The board's oscillator runs only while this pin is high. */
static void start_oscillator(void) {
    start_gpio(SOURCE_ENABLE_PORT);
    GPIO_BSRR(SOURCE_ENABLE_PORT) = 1u << SOURCE_ENABLE_PIN;
    select_mode(SOURCE_ENABLE_PORT, SOURCE_ENABLE_PIN, 1); /* output */
}
#endif

/* With a pull-up: an open receive pin must not look like a start bit. */
static void serve_uart(uint32_t port, uint32_t pin) {
    start_gpio(port);
    GPIO_PUPDR(port) = (GPIO_PUPDR(port) & ~(3u << 2 * pin)) | 1u << 2 * pin;
    const uint32_t shift = 4 * (pin % 8);
    GPIO_AFR(port, pin / 8) = (GPIO_AFR(port, pin / 8) & ~(0xFu << shift)) | (uint32_t)PIN_FUNCTION << shift;
    select_mode(port, pin, 2); /* alternate function */
}

static uint32_t baud_divider(void) {
    /* BRR counts clocks a bit; the LPUART's counts 256ths of a clock. */
    const uint64_t clocks = UART_IS_LOW_POWER ? 256ull * UART_CLOCK_HZ : UART_CLOCK_HZ;
    return (uint32_t)((clocks + BAUD / 2) / BAUD);
}

static void start_uart(void) {
    serve_uart(TX_PORT, TX_PIN);
    serve_uart(RX_PORT, RX_PIN);
    UART_ENABLE;
    __asm__ volatile("dsb" ::: "memory");
    (void)USART_CR1; /* the clock reaches the UART a few cycles later */
    USART_CR1 = 0;   /* BRR can be written only while it is off */
    USART_BRR = baud_divider();
    /* 8 data bits, no parity; 1 stop bit and no flow control are as after reset. */
    USART_CR1 = USART_CR1_UE | USART_CR1_RE | USART_CR1_TE;
}

void tp_port_init(void) {
#ifdef SOURCE_ENABLE_PIN
    start_oscillator();
#endif
    tp_clock_init();
    start_cycle_counter();
    start_uart();
}

/* Takes a byte that has come, if there is room for it, and returns the status. */
static uint32_t poll(void) {
    const uint32_t status = USART_STATUS;
    if ((status & USART_RXNE) && rx_end - rx_first < RX_BYTES) {
        rx_bytes[rx_end++ % RX_BYTES] = (uint8_t)USART_RECEIVED;
    } else if (status & USART_ORE) {
        /* A byte came while another waited, and is lost: the protocol's checks will say so. */
#if USART_HAS_ISR
        USART_ICR = USART_ORE;
#else
        (void)USART_RECEIVED; /* reading SR, then DR clears ORE */
#endif
    }
    return status;
}

int tp_port_read(void) {
    while (rx_first == rx_end) {
        (void)poll();
        (void)tp_port_time_us();
    }
    return rx_bytes[rx_first++ % RX_BYTES];
}

void tp_port_write(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (!(poll() & USART_TXE)) {
        }
        USART_SEND = (uint8_t)bytes[i];
    }
}

void tp_port_flush(void) {
    while (!(poll() & USART_TC)) {
    }
}

/* CYCLES wraps after 2^32 cycles, 8.9 s at 480 MHz: its differences add up if this is called once in that time. */
uint64_t tp_port_time_us(void) {
    const uint32_t elapsed_us = (CYCLES - time_cycles) / CYCLES_PER_US;
    time_cycles += elapsed_us * CYCLES_PER_US;
    time_us += elapsed_us;
    return time_us;
}
