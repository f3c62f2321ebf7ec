/* registers.h: of the STM32F746, no more than the board's files use.
 *
 * After ST's reference manual RM0385: addresses are those of the memory map in chapter 2, the rest stands in the chapter
 * that each part names, with the manual's names. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include "cortex_m.h"

#define BIT(n) (1u << (n))
#define FIELD(value, at) ((uint32_t)(value) << (at))

/* Chapter 3, embedded flash memory. */
#define FLASH_ACR REGISTER(0x40023C00)
#define FLASH_ACR_LATENCY(wait_states) FIELD(wait_states, 0)
#define FLASH_ACR_PRFTEN BIT(8)
#define FLASH_ACR_ARTEN BIT(9)

/* Chapter 4, power controller. */
#define PWR_CR1 REGISTER(0x40007000)
#define PWR_CR1_VOS_SCALE_1 FIELD(3, 14)
#define PWR_CR1_ODEN BIT(16)
#define PWR_CR1_ODSWEN BIT(17)
#define PWR_CSR1 REGISTER(0x40007004)
#define PWR_CSR1_ODRDY BIT(16)
#define PWR_CSR1_ODSWRDY BIT(17)

/* Chapter 5, reset and clock control. */
#define RCC_CR REGISTER(0x40023800)
#define RCC_CR_HSEON BIT(16)
#define RCC_CR_HSERDY BIT(17)
#define RCC_CR_PLLON BIT(24)
#define RCC_CR_PLLRDY BIT(25)
#define RCC_CR_PLLI2SON BIT(26)
#define RCC_CR_PLLI2SRDY BIT(27)
#define RCC_PLLCFGR REGISTER(0x40023804)
#define RCC_PLLCFGR_M(divisor) FIELD(divisor, 0)
#define RCC_PLLCFGR_N(factor) FIELD(factor, 6)
#define RCC_PLLCFGR_P(divisor) FIELD((divisor) / 2 - 1, 16)
#define RCC_PLLCFGR_HSE BIT(22)
#define RCC_PLLCFGR_Q(divisor) FIELD(divisor, 24)
#define RCC_CFGR REGISTER(0x40023808)
#define RCC_CFGR_SW_PLL FIELD(2, 0)
#define RCC_CFGR_SWS FIELD(3, 2)
#define RCC_CFGR_SWS_PLL FIELD(2, 2)
#define RCC_CFGR_APB1_BY_4 FIELD(5, 10)
#define RCC_CFGR_APB2_BY_2 FIELD(4, 13)
#define RCC_AHB1ENR REGISTER(0x40023830)
#define RCC_AHB1ENR_GPIO(port) BIT((port) - 'A')
#define RCC_AHB1ENR_DMA2 BIT(22)
#define RCC_APB1ENR REGISTER(0x40023840)
#define RCC_APB1ENR_I2C3 BIT(23)
#define RCC_APB1ENR_PWR BIT(28)
#define RCC_APB2ENR REGISTER(0x40023844)
#define RCC_APB2ENR_USART1 BIT(4)
#define RCC_APB2ENR_SAI2 BIT(23)
#define RCC_PLLI2SCFGR REGISTER(0x40023884)
#define RCC_PLLI2SCFGR_N(factor) FIELD(factor, 6)
#define RCC_PLLI2SCFGR_Q(divisor) FIELD(divisor, 24)
#define RCC_PLLI2SCFGR_R(divisor) FIELD(divisor, 28)
#define RCC_DCKCFGR1 REGISTER(0x4002388C)
#define RCC_DCKCFGR1_SAI2_PLLI2S FIELD(1, 22) /* and PLLI2SDIVQ, bits 0 to 4, of 0: not divided */
#define RCC_DCKCFGR2 REGISTER(0x40023890)
#define RCC_DCKCFGR2_I2C3_HSI FIELD(2, 20)

/* Chapter 6, general-purpose I/Os; a port is a letter. */
#define GPIO_PORT(port) (0x40020000 + 0x400 * ((port) - 'A'))
#define GPIO_MODER(port) REGISTER(GPIO_PORT(port) + 0x00)
#define GPIO_OTYPER(port) REGISTER(GPIO_PORT(port) + 0x04)
#define GPIO_OSPEEDR(port) REGISTER(GPIO_PORT(port) + 0x08)
#define GPIO_PUPDR(port) REGISTER(GPIO_PORT(port) + 0x0C)
#define GPIO_IDR(port) REGISTER(GPIO_PORT(port) + 0x10)
#define GPIO_BSRR(port) REGISTER(GPIO_PORT(port) + 0x18)
#define GPIO_AFR(port, pin) REGISTER(GPIO_PORT(port) + 0x20 + (pin) / 8 * 4)

/* Chapter 8, DMA controller: streams of DMA2. */
#define DMA2_HISR REGISTER(0x40026404)
#define DMA2_HIFCR REGISTER(0x4002640C)
#define DMA_FLAGS_OF_STREAM_4 FIELD(0x3D, 0)
#define DMA_FLAGS_OF_STREAM_7 FIELD(0x3D, 22)
#define DMA2_S(stream) (0x40026410 + 0x18 * (stream))
#define DMA2_SCR(stream) REGISTER(DMA2_S(stream) + 0x00)
#define DMA2_SNDTR(stream) REGISTER(DMA2_S(stream) + 0x04)
#define DMA2_SPAR(stream) REGISTER(DMA2_S(stream) + 0x08)
#define DMA2_SM0AR(stream) REGISTER(DMA2_S(stream) + 0x0C)
#define DMA2_SM1AR(stream) REGISTER(DMA2_S(stream) + 0x10)
#define DMA_SCR_EN BIT(0)
#define DMA_SCR_TCIE BIT(4)
#define DMA_SCR_FROM_MEMORY FIELD(1, 6)
#define DMA_SCR_MINC BIT(10)
#define DMA_SCR_HALF_WORDS (FIELD(1, 11) | FIELD(1, 13)) /* PSIZE, MSIZE */
#define DMA_SCR_PRIORITY_HIGH FIELD(2, 16)
#define DMA_SCR_DBM BIT(18)
#define DMA_SCR_CT BIT(19)
#define DMA_SCR_CHANNEL(number) FIELD(number, 25)

/* Chapter 30, inter-integrated circuit interface. */
#define I2C3_CR1 REGISTER(0x40005C00)
#define I2C3_CR2 REGISTER(0x40005C04)
#define I2C3_TIMINGR REGISTER(0x40005C10)
#define I2C3_ISR REGISTER(0x40005C18)
#define I2C3_ICR REGISTER(0x40005C1C)
#define I2C3_RXDR REGISTER(0x40005C24)
#define I2C3_TXDR REGISTER(0x40005C28)
#define I2C_CR1_PE BIT(0)
#define I2C_CR2_ADDRESS(seven_bits) FIELD(seven_bits, 1)
#define I2C_CR2_RD_WRN BIT(10)
#define I2C_CR2_START BIT(13)
#define I2C_CR2_NBYTES(count) FIELD(count, 16)
#define I2C_CR2_AUTOEND BIT(25)
#define I2C_ISR_TXIS BIT(1)
#define I2C_ISR_RXNE BIT(2)
#define I2C_ISR_NACKF BIT(4)
#define I2C_ISR_STOPF BIT(5)
#define I2C_ISR_TC BIT(6)
/* 100 kHz at 16 MHz, of the chapter's table of examples of timings. */
#define I2C_TIMINGR_100_KHZ 0x30420F13u

/* Chapter 31, universal synchronous asynchronous receiver transmitter. */
#define USART1_CR1 REGISTER(0x40011000)
#define USART1_BRR REGISTER(0x4001100C)
#define USART1_ISR REGISTER(0x4001101C)
#define USART1_TDR REGISTER(0x40011028)
#define USART_CR1_UE BIT(0)
#define USART_CR1_TE BIT(3)
#define USART_CR1_TXEIE BIT(7)
#define USART_ISR_TC BIT(6)
#define USART_ISR_TXE BIT(7)

/* Chapter 33, serial audio interface: blocks A and B of SAI2. */
#define SAI2_A 0x40015C04
#define SAI2_B 0x40015C24
#define SAI_CR1(block) REGISTER((block) + 0x00)
#define SAI_CR2(block) REGISTER((block) + 0x04)
#define SAI_FRCR(block) REGISTER((block) + 0x08)
#define SAI_SLOTR(block) REGISTER((block) + 0x0C)
#define SAI_DR(block) ((block) + 0x1C)
#define SAI_CR1_MASTER_SENDS FIELD(0, 0)
#define SAI_CR1_SLAVE_RECEIVES FIELD(3, 0)
#define SAI_CR1_DS_16 FIELD(4, 5)
#define SAI_CR1_CKSTR BIT(9) /* data change at the falling edge of SCK and are taken at the rising one */
#define SAI_CR1_SYNCEN_OTHER_BLOCK FIELD(1, 10)
#define SAI_CR1_OUTDRIV BIT(13)
#define SAI_CR1_SAIEN BIT(16)
#define SAI_CR1_DMAEN BIT(17)
#define SAI_CR1_MCKDIV(divisor) FIELD((divisor) / 2, 20)
#define SAI_CR2_FTH_QUARTER FIELD(1, 0)
#define SAI_CR2_FFLUSH BIT(3)
#define SAI_FRCR_FRL(bits) FIELD((bits) - 1, 0)
#define SAI_FRCR_FSALL(bits) FIELD((bits) - 1, 8)
#define SAI_FRCR_FSDEF BIT(16) /* FS tells left from right */
#define SAI_FRCR_FSOFF BIT(18) /* and changes a bit before the first of a slot */
#define SAI_SLOTR_NBSLOT(slots) FIELD((slots) - 1, 8)
#define SAI_SLOTR_SLOTEN(slots) FIELD(slots, 16)

/* Chapter 10, table of vectors. */
enum { USART1_INTERRUPT = 37, DMA2_STREAM_7_INTERRUPT = 70, INTERRUPTS = 98 };

#endif
