import jwt from '@fastify/jwt'
import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import streamGateway from 'fastify-stream-gateway'

const { PORT = '3000', SERVICE_URL = 'http://localhost:3002', JWT_SECRET } = process.env
if (JWT_SECRET === undefined) throw new Error('JWT_SECRET is to be set')

const app = Fastify({ logger: true })

// The app's own: routes with bodies that are parsed, and a WebSocket.
await app.register(jwt, { secret: JWT_SECRET })
await app.register(websocket)

app.post('/login', {
  schema: { body: { type: 'object', required: ['email'], properties: { email: { type: 'string' } } } }
}, async request => ({ token: app.jwt.sign({ sub: request.body.email }) }))

app.get('/live', { websocket: true }, socket => {
  socket.on('message', message => socket.send(`app: ${message}`))
})

// The services behind: a scope, whose hooks run before anything is forwarded. Upgrades pass them as well.
await app.register(async scope => {
  scope.addHook('onRequest', async request => {
    await request.jwtVerify()
    // What the service gets: never what a client says of itself.
    request.headers['x-user'] = request.user.sub
  })
  await scope.register(streamGateway, {
    routes: [{ prefix: '/api/payments', target: SERVICE_URL, stripPrefix: true }]
  })
})

await app.listen({ port: Number(PORT) })
