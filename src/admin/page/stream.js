// The state, once a second. By fetch: an EventSource brings no token.

/** Milliseconds until it is tried again, when it was lost. */
const PAUSE = 1_000
const LONGEST_PAUSE = 5_000

/**
 * Follows the events until they are lost for good: with a token that is wrong.
 *
 * @param {Record<string, string>} authorized
 * @param {{ event: (name: string, data: any) => void, opened: () => void, lost: () => void }} listener
 * @returns {Promise<void>} resolves when the token is wrong
 */
export async function follow (authorized, { event, opened, lost }) {
  let pause = PAUSE
  while (true) {
    try {
      const response = await fetch('/api/events', { headers: authorized, cache: 'no-store' })
      if (response.status === 401) return
      if (response.ok && response.body !== null) {
        pause = PAUSE
        opened()
        await read(response.body, event)
      }
    } catch {
      // As below: the gateway is away, or the network.
    }
    lost()
    await new Promise(resolve => setTimeout(resolve, pause))
    pause = Math.min(LONGEST_PAUSE, pause * 2)
  }
}

/** @param {ReadableStream<Uint8Array>} body @param {(name: string, data: any) => void} event */
async function read (body, event) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (true) {
    const { done, value } = await reader.read()
    if (done) return
    const events = (text + value).split('\n\n')
    text = events.pop() ?? ''
    for (const lines of events) {
      /** @param {string} field */
      const of = field => lines.split('\n').find(line => line.startsWith(`${field}: `))?.slice(field.length + 2)
      event(of('event') ?? 'message', JSON.parse(of('data') ?? 'null'))
    }
  }
}
