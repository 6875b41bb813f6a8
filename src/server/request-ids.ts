import { randomBytes } from 'node:crypto'

/** Ids of requests that no other process has, before or after this one, beside it or elsewhere: `m3kq0x9f2a-1c`. */
export function requestIds (): () => string {
  const prefix = `${randomBytes(8).readBigUInt64BE().toString(36)}-`
  let count = 0
  return () => {
    count++
    return prefix + count.toString(36)
  }
}
