import { Child } from '../children.js'
import { packageVersion } from '../machine.js'
import type { Cpus } from '../machine.js'
import type { Load, LoadResult } from './load.js'

/** Each volley is a process of its own. */
export function autocannonLoad ({ load: cpu }: Cpus): Load {
  return {
    name: packageVersion('autocannon'),
    async fire (volley) {
      const child = Child.start('autocannon', new URL('./autocannon-child.js', import.meta.url), { cpu, options: volley })
      try {
        return await child.next<LoadResult>()
      } finally {
        await child.stop()
      }
    },
    async stop () {}
  }
}
