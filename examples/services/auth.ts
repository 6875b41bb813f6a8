import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { common } from './common.js'
import { Rejection, sendJson, startService } from './service.js'
import type { Responses, Call, Service } from './service.js'

const responses: Responses = {
  ...common,
  'POST /login': login
}

export function startAuth (port = 3001): Promise<Service> {
  return startService('auth', responses, port)
}

/** Anybody may log in. Two cookies, because a gateway that joins them to one line breaks both. */
async function login ({ name, request, response }: Call): Promise<void> {
  const username = nameOf(await readText(request))
  const session = randomUUID()
  sendJson(response, 200, { service: name, username, token: `sample.${Buffer.from(username).toString('base64url')}.${session}` }, {
    'set-cookie': [`session=${session}; Path=/; HttpOnly; SameSite=Lax`, 'seen=1; Path=/; Max-Age=31536000']
  })
}

/** A username or an email address; a password may stand beside it, and is not looked at. */
function nameOf (text: string): string {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new Rejection(400, 'the body is not JSON')
  }
  const { username, email }: { username?: unknown, email?: unknown } = Object(body)
  const name = username ?? email
  if (typeof name !== 'string' || name === '') throw new Rejection(400, 'username or email is missing')
  return name
}

async function readText (request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += part
    if (text.length > 10_000) throw new Rejection(413, 'nobody has a name that long')
  }
  return text
}
