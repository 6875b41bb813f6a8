import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocketServer } from 'ws'
import type { Random } from '../../fuzz/random.js'
import { sumOf } from '../bodies.js'
import type { ArrivalRecord } from './journal.js'

/** Echoes messages, until its fault happens. */
export function talk (server: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer, record: ArrivalRecord, random: Random): void {
  const { fault } = record
  const at = random.below(3)
  record.note(`fault ${fault}, at message ${at}`)
  if (fault === 'hang') return
  if (fault === 'garbage' || fault === 'early' || (fault === 'reset' && at === 0)) {
    if (fault === 'early') socket.end(refusal(record.number))
    else if (fault === 'garbage') socket.end('garbage\r\n\r\n')
    else socket.destroy()
    return
  }
  server.handleUpgrade(request, socket, head, websocket => {
    websocket.on('error', () => {})
    let count = 0
    websocket.on('message', (data, isBinary) => {
      if (count++ >= at && fault !== 'none' && fault !== 'drip') {
        if (fault === 'hang-body') return
        if (fault === 'short' || fault === 'close') websocket.close(4000)
        else websocket.terminate()
        return
      }
      setTimeout(() => websocket.send(data, { binary: isBinary }), fault === 'drip' ? 100 : 0)
    })
  })
}

function refusal (number: number): string {
  return `HTTP/1.1 413 No\r\nX-Id: ${number}\r\nX-Status: 413\r\nX-Length: 0\r\nX-Sum: ${sumOf()}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
}
