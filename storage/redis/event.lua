-- Writes one audit event that comes with no change of a record, once however
-- often it is sent, and announces it.
--
-- KEYS  1 events  2 receipt
-- ARGV  1 event  2 milliseconds that the receipt lives  3 channel
--
-- Returns the event's id.

local id = redis.call('GET', KEYS[2]) or redis.call('XADD', KEYS[1], '*', 'e', ARGV[1])
redis.call('SET', KEYS[2], id, 'PX', ARGV[2])
-- No token has changed, but nodes compare the newest event that they have heard
-- of with the newest that there is.
redis.pcall('PUBLISH', ARGV[3], ' ' .. id)
return id
