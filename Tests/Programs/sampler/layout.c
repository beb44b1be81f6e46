// Prints where the fields of the table are, for comparison with the reader.
#include <stddef.h>
#include <stdio.h>

#include "../../../Sources/CMemwhySampler/include/memwhy_table.h"

#define FIELD(type, field) printf(#type "." #field " %zu\n", offsetof(struct memwhy_##type, field))
#define SIZE(type) printf(#type " %zu\n", sizeof(struct memwhy_##type))

int main(void) {
  SIZE(header); SIZE(module); SIZE(thread); SIZE(task_name); SIZE(growth); SIZE(point); SIZE(site); SIZE(block);
  FIELD(header, version); FIELD(header, table_size); FIELD(header, state); FIELD(header, pid); FIELD(header, interval);
  FIELD(header, start_nanoseconds); FIELD(header, start_realtime); FIELD(header, last_nanoseconds);
  FIELD(header, modules); FIELD(header, threads); FIELD(header, growths); FIELD(header, points); FIELD(header, sites);
  FIELD(header, block_keys); FIELD(header, blocks); FIELD(header, frames);
  FIELD(header, modules_used); FIELD(header, threads_used); FIELD(header, growths_used); FIELD(header, points_used);
  FIELD(header, sites_used); FIELD(header, live_blocks); FIELD(header, most_live_blocks); FIELD(header, samples);
  FIELD(header, freed_samples); FIELD(header, allocated_bytes); FIELD(header, freed_bytes); FIELD(header, lost_blocks);
  FIELD(header, lost_sites); FIELD(header, lost_modules); FIELD(header, interrupted); FIELD(header, thinnings);
  FIELD(header, stale_blocks); FIELD(header, module_changes); FIELD(header, slow_stacks); FIELD(header, async_stacks);
  FIELD(header, flags); FIELD(header, exit_status); FIELD(header, program); FIELD(header, task_names);
  FIELD(header, task_names_used); FIELD(header, lost_task_names); FIELD(header, group_kills);
  FIELD(task_name, hash); FIELD(task_name, state); FIELD(task_name, length); FIELD(task_name, name);
  FIELD(module, start); FIELD(module, end); FIELD(module, bias); FIELD(module, text_start); FIELD(module, text_end);
  FIELD(module, text_offset); FIELD(module, loaded); FIELD(module, unloaded); FIELD(module, build_id_size);
  FIELD(module, flags); FIELD(module, build_id); FIELD(module, path);
  FIELD(thread, tid); FIELD(thread, name); FIELD(thread, first);
  FIELD(growth, time); FIELD(growth, kind); FIELD(growth, site); FIELD(growth, thread); FIELD(growth, step); FIELD(growth, total);
  FIELD(point, realtime); FIELD(point, monotonic); FIELD(point, rss); FIELD(point, limit); FIELD(point, group_usage);
  FIELD(point, allocated_bytes); FIELD(point, freed_bytes); FIELD(point, samples); FIELD(point, live_blocks);
  FIELD(point, interval); FIELD(point, threads); FIELD(point, swap); FIELD(point, anonymous);
  FIELD(site, hash); FIELD(site, state); FIELD(site, frames); FIELD(site, depth); FIELD(site, async_from); FIELD(site, task);
  FIELD(site, flags);
  FIELD(site, thread); FIELD(site, begun); FIELD(site, ended); FIELD(site, allocated_count); FIELD(site, allocated_bytes);
  FIELD(site, count_variance); FIELD(site, bytes_variance); FIELD(site, freed_count); FIELD(site, freed_bytes);
  FIELD(site, freed_age); FIELD(site, samples); FIELD(site, freed_samples); FIELD(site, ages);
  FIELD(block, time); FIELD(block, size); FIELD(block, interval); FIELD(block, site); FIELD(block, thread);
  FIELD(block, task);
  return 0;
}
