/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#ifndef TP_CACHES_H
#define TP_CACHES_H

/* Invalidates and enables those L1 caches that are off; a bootloader may have left them on, with our stack in them. */
void tp_caches_init(void);

#endif
