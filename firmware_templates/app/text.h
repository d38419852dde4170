/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* Integers to text and back, written straight to the port: the firmware has no printf and no heap. */
#ifndef TP_TEXT_H
#define TP_TEXT_H

#include <stdbool.h>
#include <stdint.h>

void tp_put(const char *text);
void tp_put_decimal(uint64_t value);
void tp_put_hex(uint8_t byte); /* two digits, lower case */

/* In units, rounded to three decimals, ties away from zero: 1234500000 → "1.235", -5000000 → "-0.005". */
void tp_put_nano(int64_t nano);

/* Reads all of `text` as a decimal number; false if it is empty, holds anything but digits or exceeds 32 bits. */
bool tp_parse_decimal(const char *text, uint32_t *value);

/* 0..15, or -1 if `digit` is not a hexadecimal digit. */
int tp_parse_hex_digit(char digit);

#endif
