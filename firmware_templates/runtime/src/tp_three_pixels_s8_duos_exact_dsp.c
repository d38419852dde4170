/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#define TP_DUOS_FUNCTION tp_three_pixels_s8_duos_exact_dsp
#define TP_DUOS_EXACT 1
#include "tp_three_duos.h"
