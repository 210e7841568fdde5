// A directory of identities (did:plc) in memory, for the personal data server beside it. PLC_PORT says where.
const { PlcServer, Database } = require('@did-plc/server')

PlcServer.create({ db: Database.mock(), version: 'test' }).app.listen(Number(process.env.PLC_PORT), '127.0.0.1')
