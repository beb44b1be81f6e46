/* Packet sockets (packet(7)) and the kernel's packet filter. */
#pragma once
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
