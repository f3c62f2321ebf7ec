/* cortex_m.h: registers of the processor itself, the same on Cortex-M4, M7, M33 and M55.
 *
 * Names, addresses and bits are those of Arm's ARMv7-M Architecture Reference Manual (DDI 0403E), part B, chapter 3. */
#ifndef CORTEX_M_H
#define CORTEX_M_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* System control block, B3.2. */
#define SCB_VTOR REGISTER(0xE000ED08)
#define SCB_CCR REGISTER(0xE000ED14)
#define SCB_SHCSR REGISTER(0xE000ED24)
#define SCB_CFSR REGISTER(0xE000ED28)
#define SCB_HFSR REGISTER(0xE000ED2C)
#define SCB_MMFAR REGISTER(0xE000ED34)
#define SCB_BFAR REGISTER(0xE000ED38)
#define SCB_CCR_DIV_0_TRP (1u << 4)
#define SCB_CCR_DC (1u << 16)
#define SCB_CCR_IC (1u << 17)
#define SCB_SHCSR_FAULTS_ENABLED (7u << 16) /* of memory, bus and usage */
#define SCB_CFSR_STACKING 0x101010u /* MSTKERR, STKERR, and STKOF of Armv8-M: no room on the stack */
#define SCB_CFSR_MMARVALID (1u << 7)
#define SCB_CFSR_BFARVALID (1u << 15)

/* Memory protection unit, B3.5: a region that nobody may access, beside the map that holds without it. */
#define MPU_CTRL REGISTER(0xE000ED94)
#define MPU_CTRL_ENABLE (1u << 0)
#define MPU_CTRL_PRIVDEFENA (1u << 2)
#define MPU_RBAR REGISTER(0xE000ED9C)
#define MPU_RBAR_VALID (1u << 4)
#define MPU_RASR REGISTER(0xE000EDA0)
#define MPU_RASR_ENABLE (1u << 0)
#define MPU_RASR_256_BYTES (7u << 1)

/* Caches, B4.8 and B2.2; a Cortex-M7 has them. */
#define SCB_CCSIDR REGISTER(0xE000ED80)
#define SCB_CSSELR REGISTER(0xE000ED84)
#define SCB_ICIALLU REGISTER(0xE000EF50)
#define SCB_DCISW REGISTER(0xE000EF60)

/* SysTick, B3.3: counts down. */
#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)
#define SYST_CSR_ENABLE (1u << 0)
#define SYST_CSR_CLKSOURCE (1u << 2) /* the processor's */
#define SYST_MAX 0xFFFFFFu

/* Interrupts, B3.4: a bit each. */
#define NVIC_ISER(interrupt) REGISTER(0xE000E100 + (interrupt) / 32 * 4)

/* Counter of cycles, C1.6 and C1.8. */
#define DEMCR REGISTER(0xE000EDFC)
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL REGISTER(0xE0001000)
#define DWT_CYCCNT REGISTER(0xE0001004)
#define DWT_LAR REGISTER(0xE0001FB0)
#define DWT_LAR_KEY 0xC5ACCE55u

#define BARRIER() __asm__ volatile("dsb\n isb" ::: "memory")

#endif
