/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#define TP_PAIRS_FUNCTION tp_five_pixels_s8_pairs_dsp
#define TP_PAIRS_A_RECORD 4
#define TP_PAIRS_EXACT 0
#include "tp_five_pairs.h"
