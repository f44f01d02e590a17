BEGIN TRANSACTION;
CREATE TABLE additional_members (
	subscription_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	"plan" TEXT NOT NULL, 
	"before" TEXT, 
	"after" TEXT, 
	listed INTEGER NOT NULL, 
	added INTEGER NOT NULL, 
	removed INTEGER NOT NULL, 
	added_pcids TEXT, 
	removed_pcids TEXT, 
	hand_edited BOOLEAN NOT NULL, 
	hand_added_pcids TEXT, 
	hand_removed_pcids TEXT, 
	status TEXT NOT NULL, 
	guard TEXT, 
	reason TEXT, 
	PRIMARY KEY (subscription_id)
);
INSERT INTO "additional_members" VALUES(501,100,'BizCare Plus','_1001_1002_1003_','_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_',3,7,0,'1004 1005 1006 1007 1008 1009 1010',NULL,0,NULL,NULL,'written',NULL,NULL);
INSERT INTO "additional_members" VALUES(502,100,'BizCare Premium','','_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_',0,10,0,'1001 1002 1003 1004 1005 1006 1007 1008 1009 1010',NULL,0,NULL,NULL,'written',NULL,NULL);
INSERT INTO "additional_members" VALUES(511,104,'BizCare Basic','_1031_1137_','_1031_',2,0,1,NULL,'1137',0,NULL,NULL,'written',NULL,NULL);
CREATE TABLE additional_members_ledger (
	run_id TEXT NOT NULL, 
	written_at TIMESTAMP NOT NULL, 
	subscription_id INTEGER NOT NULL, 
	group_id INTEGER, 
	"before" TEXT, 
	"after" TEXT, 
	status TEXT NOT NULL, 
	undo_of TEXT, 
	hand_edited BOOLEAN NOT NULL, 
	hand_added_pcids TEXT, 
	hand_removed_pcids TEXT
);
INSERT INTO "additional_members_ledger" VALUES('fac77307-5679-4587-b522-f54b7209f250','2026-11-23 09:35:34.945337',501,100,'_1001_1002_1003_','_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_','planned',NULL,0,NULL,NULL);
INSERT INTO "additional_members_ledger" VALUES('fac77307-5679-4587-b522-f54b7209f250','2026-11-23 09:35:34.945337',502,100,'','_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_','planned',NULL,0,NULL,NULL);
INSERT INTO "additional_members_ledger" VALUES('fac77307-5679-4587-b522-f54b7209f250','2026-11-23 09:35:34.945337',511,104,'_1031_1137_','_1031_','planned',NULL,0,NULL,NULL);
CREATE TABLE client_groups (
	client_id INTEGER NOT NULL, 
	group_id INTEGER, 
	reason TEXT, 
	PRIMARY KEY (client_id)
);
INSERT INTO "client_groups" VALUES(1,100,NULL);
INSERT INTO "client_groups" VALUES(2,NULL,'external_id_missing');
INSERT INTO "client_groups" VALUES(3,NULL,'external_id_invalid');
CREATE TABLE client_issues (
	issue_key TEXT NOT NULL, 
	issue TEXT NOT NULL, 
	reason TEXT, 
	severity TEXT NOT NULL, 
	client_id INTEGER NOT NULL, 
	client_name TEXT, 
	external_id TEXT, 
	PRIMARY KEY (issue_key)
);
INSERT INTO "client_issues" VALUES('client:11:shared_external_id','shared_external_id',NULL,'warning',11,'Kite Lake Lodge','110');
INSERT INTO "client_issues" VALUES('client:12:shared_external_id','shared_external_id',NULL,'warning',12,'Kite Lake Lodge (boathouse)','110');
INSERT INTO "client_issues" VALUES('client:2:no_pcrt_group','no_pcrt_group','external_id_missing','error',2,'Blue Heron Bakery',NULL);
CREATE TABLE computer_issues (
	issue_key TEXT NOT NULL, 
	issue TEXT NOT NULL, 
	reason TEXT, 
	severity TEXT NOT NULL, 
	computer_id INTEGER NOT NULL, 
	computer_name TEXT, 
	client_id INTEGER, 
	client_name TEXT, 
	serial_number TEXT, 
	asset_tag TEXT, 
	pcid INTEGER, 
	pcid_group_id INTEGER, 
	expected_group_id INTEGER, 
	PRIMARY KEY (issue_key)
);
INSERT INTO "computer_issues" VALUES('computer:21:no_matching_pcid','no_matching_pcid','no_pcid_with_serial','error',21,'LAPTOP-0021',2,'Blue Heron Bakery','EX00021Q','',NULL,NULL,NULL);
INSERT INTO "computer_issues" VALUES('computer:32:pcid_does_not_exist','pcid_does_not_exist','asset_tag_unknown','error',32,'DESKTOP-0032',5,'Elm Street Dental','EX00032Q','4711',NULL,NULL,104);
INSERT INTO "computer_issues" VALUES('computer:33:no_matching_pcid','no_matching_pcid','generic_serial','error',33,'LAPTOP-0033',5,'Elm Street Dental','To be filled by O.E.M.','',NULL,NULL,104);
CREATE TABLE computer_matches (
	computer_id INTEGER NOT NULL, 
	client_id INTEGER, 
	expected_group_id INTEGER, 
	pcid INTEGER, 
	matched_by TEXT, 
	reason TEXT, 
	pcid_group_id INTEGER, 
	PRIMARY KEY (computer_id)
);
INSERT INTO "computer_matches" VALUES(1,1,100,1001,'serial',NULL,100);
INSERT INTO "computer_matches" VALUES(2,1,100,1002,'serial',NULL,100);
INSERT INTO "computer_matches" VALUES(3,1,100,1003,'serial',NULL,100);
CREATE TABLE coverage_history (
	subscription_id INTEGER NOT NULL, 
	pcid INTEGER NOT NULL, 
	covered_from TIMESTAMP NOT NULL, 
	covered_to TIMESTAMP, 
	PRIMARY KEY (subscription_id, pcid, covered_from)
);
INSERT INTO "coverage_history" VALUES(501,1001,'2026-11-23 09:35:35.332979',NULL);
INSERT INTO "coverage_history" VALUES(501,1002,'2026-11-23 09:35:35.332979',NULL);
INSERT INTO "coverage_history" VALUES(501,1003,'2026-11-23 09:35:35.332979',NULL);
CREATE TABLE cwa_clients (
	client_id INTEGER NOT NULL, 
	name TEXT, 
	external_id TEXT, 
	PRIMARY KEY (client_id)
);
INSERT INTO "cwa_clients" VALUES(1,'Tom''s Garage','100');
INSERT INTO "cwa_clients" VALUES(2,'Blue Heron Bakery',NULL);
INSERT INTO "cwa_clients" VALUES(3,'Corner Flowers','see notes');
CREATE TABLE cwa_computers (
	computer_id INTEGER NOT NULL, 
	name TEXT, 
	client_id INTEGER, 
	serial_number TEXT, 
	serial_number_normalised TEXT NOT NULL, 
	asset_tag TEXT, 
	last_contact TIMESTAMP, 
	last_user TEXT, 
	PRIMARY KEY (computer_id)
);
INSERT INTO "cwa_computers" VALUES(1,'DESKTOP-0001',1,'EX00001Q','ex00001q','','2026-11-02 08:01:00.000000','user1');
INSERT INTO "cwa_computers" VALUES(2,'DESKTOP-0002',1,'EX00002Q','ex00002q','','2026-11-03 08:02:00.000000','user2');
INSERT INTO "cwa_computers" VALUES(3,'LAPTOP-0003',1,'EX00003Q','ex00003q','','2026-11-04 08:03:00.000000','user3');
CREATE TABLE cwa_group_members (
	computer_id INTEGER NOT NULL, 
	cwa_group_id INTEGER NOT NULL, 
	PRIMARY KEY (computer_id, cwa_group_id)
);
INSERT INTO "cwa_group_members" VALUES(1,851);
INSERT INTO "cwa_group_members" VALUES(2,851);
INSERT INTO "cwa_group_members" VALUES(3,851);
CREATE TABLE cwa_groups (
	cwa_group_id INTEGER NOT NULL, 
	name TEXT, 
	"plan" TEXT, 
	PRIMARY KEY (cwa_group_id)
);
INSERT INTO "cwa_groups" VALUES(850,'BizCare Basic','BizCare Basic');
INSERT INTO "cwa_groups" VALUES(851,'BizCare Plus','BizCare Plus');
INSERT INTO "cwa_groups" VALUES(852,'BizCare Premium','BizCare Premium');
CREATE TABLE group_holds (
	group_id INTEGER NOT NULL, 
	held_since TIMESTAMP NOT NULL, 
	undone_run_id TEXT NOT NULL, 
	released_at TIMESTAMP, 
	PRIMARY KEY (group_id, held_since)
);
CREATE TABLE group_issues (
	issue_key TEXT NOT NULL, 
	issue TEXT NOT NULL, 
	reason TEXT, 
	severity TEXT NOT NULL, 
	group_id INTEGER, 
	group_name TEXT, 
	subscription_id INTEGER, 
	subscription_name TEXT, 
	cwa_group TEXT, 
	PRIMARY KEY (issue_key)
);
INSERT INTO "group_issues" VALUES('group:106:no_cwa_subscriptions','no_cwa_subscriptions','missing','error',106,'Granite Gym',NULL,NULL,NULL);
INSERT INTO "group_issues" VALUES('group:107:no_cwa_subscriptions','no_cwa_subscriptions','unlinked','error',107,'Harbor Lights Hotel',NULL,NULL,NULL);
INSERT INTO "group_issues" VALUES('group:108:too_few_subscriptions','too_few_subscriptions',NULL,'error',108,'Iris & Sons Printing',NULL,NULL,NULL);
CREATE TABLE issue_history (
	issue_key TEXT NOT NULL, 
	area TEXT NOT NULL, 
	issue TEXT NOT NULL, 
	reason TEXT, 
	first_seen TIMESTAMP NOT NULL, 
	last_seen TIMESTAMP NOT NULL, 
	resolved_at TIMESTAMP, 
	PRIMARY KEY (issue_key, first_seen)
);
INSERT INTO "issue_history" VALUES('client:11:shared_external_id','client','shared_external_id',NULL,'2026-11-23 09:35:33.991173','2026-11-23 09:35:33.991173',NULL);
INSERT INTO "issue_history" VALUES('client:12:shared_external_id','client','shared_external_id',NULL,'2026-11-23 09:35:33.991173','2026-11-23 09:35:33.991173',NULL);
INSERT INTO "issue_history" VALUES('client:2:no_pcrt_group','client','no_pcrt_group','external_id_missing','2026-11-23 09:35:33.991173','2026-11-23 09:35:33.991173',NULL);
CREATE TABLE members_plan (
	subscription_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	"plan" TEXT NOT NULL, 
	"before" TEXT, 
	"after" TEXT, 
	listed INTEGER NOT NULL, 
	added INTEGER NOT NULL, 
	removed INTEGER NOT NULL, 
	added_pcids TEXT, 
	removed_pcids TEXT, 
	hand_edited BOOLEAN NOT NULL, 
	hand_added_pcids TEXT, 
	hand_removed_pcids TEXT, 
	status TEXT NOT NULL, 
	guard TEXT, 
	reason TEXT, 
	PRIMARY KEY (subscription_id)
);
INSERT INTO "members_plan" VALUES(501,100,'BizCare Plus','_1001_1002_1003_','_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_',3,7,0,'1004 1005 1006 1007 1008 1009 1010',NULL,0,NULL,NULL,'planned',NULL,NULL);
INSERT INTO "members_plan" VALUES(502,100,'BizCare Premium','','_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_',0,10,0,'1001 1002 1003 1004 1005 1006 1007 1008 1009 1010',NULL,0,NULL,NULL,'planned',NULL,NULL);
INSERT INTO "members_plan" VALUES(511,104,'BizCare Basic','_1031_1137_','_1031_',2,0,1,NULL,'1137',0,NULL,NULL,'planned',NULL,NULL);
CREATE TABLE open_issues (
	issue_key TEXT NOT NULL, 
	area TEXT NOT NULL, 
	issue TEXT NOT NULL, 
	reason TEXT, 
	severity TEXT NOT NULL, 
	customer TEXT, 
	subject TEXT, 
	first_seen TIMESTAMP NOT NULL, 
	PRIMARY KEY (issue_key)
);
INSERT INTO "open_issues" VALUES('client:11:shared_external_id','client','shared_external_id',NULL,'warning','Kite Lake Lodge','Kite Lake Lodge','2026-11-23 09:35:33.991173');
INSERT INTO "open_issues" VALUES('client:12:shared_external_id','client','shared_external_id',NULL,'warning','Kite Lake Lodge (boathouse)','Kite Lake Lodge (boathouse)','2026-11-23 09:35:33.991173');
INSERT INTO "open_issues" VALUES('client:2:no_pcrt_group','client','no_pcrt_group','external_id_missing','error','Blue Heron Bakery','Blue Heron Bakery','2026-11-23 09:35:33.991173');
CREATE TABLE pcrt_groups (
	group_id INTEGER NOT NULL, 
	name TEXT, 
	PRIMARY KEY (group_id)
);
INSERT INTO "pcrt_groups" VALUES(100,'Tom''s Garage');
INSERT INTO "pcrt_groups" VALUES(104,'Elm Street Dental');
INSERT INTO "pcrt_groups" VALUES(105,'Fern Valley Vets');
CREATE TABLE pcrt_pcids (
	pcid INTEGER NOT NULL, 
	name TEXT, 
	make TEXT, 
	group_id INTEGER, 
	serial_number TEXT, 
	serial_number_normalised TEXT NOT NULL, 
	serial_problem TEXT, 
	PRIMARY KEY (pcid)
);
INSERT INTO "pcrt_pcids" VALUES(1001,'PC 1001','Examplebook 14',100,'EX00001Q','ex00001q',NULL);
INSERT INTO "pcrt_pcids" VALUES(1002,'PC 1002','Examplebook 14',100,'EX00002Q','ex00002q',NULL);
INSERT INTO "pcrt_pcids" VALUES(1003,'PC 1003','Examplebook 14',100,'EX00003Q','ex00003q',NULL);
CREATE TABLE pcrt_subscriptions (
	subscription_id INTEGER NOT NULL, 
	name TEXT, 
	group_id INTEGER, 
	pcid INTEGER, 
	effective_group_id INTEGER, 
	cwa_group TEXT, 
	"plan" TEXT, 
	is_bizcare BOOLEAN NOT NULL, 
	active BOOLEAN NOT NULL, 
	additional_members TEXT, 
	PRIMARY KEY (subscription_id)
);
INSERT INTO "pcrt_subscriptions" VALUES(501,'BizCare Plus',100,NULL,100,'BizCare Plus','BizCare Plus',1,1,'_1001_1002_1003_');
INSERT INTO "pcrt_subscriptions" VALUES(502,'BizCare Premium',100,NULL,100,'BizCare Premium','BizCare Premium',1,1,'');
INSERT INTO "pcrt_subscriptions" VALUES(511,'BizCare Basic',104,NULL,104,'BizCare Basic','BizCare Basic',1,1,'_1031_1137_');
CREATE TABLE read_receipts (
	run_id TEXT NOT NULL, 
	table_name TEXT NOT NULL, 
	counted_at TIMESTAMP NOT NULL, 
	rows_read INTEGER NOT NULL, 
	rows_counted INTEGER NOT NULL, 
	counted_by TEXT NOT NULL, 
	PRIMARY KEY (run_id, table_name)
);
INSERT INTO "read_receipts" VALUES('fac77307-5679-4587-b522-f54b7209f250','cwa_clients','2026-11-23 09:35:15.540340',13,13,'Total-Count');
INSERT INTO "read_receipts" VALUES('fac77307-5679-4587-b522-f54b7209f250','cwa_computers','2026-11-23 09:35:16.195483',31,31,'Total-Count');
INSERT INTO "read_receipts" VALUES('fac77307-5679-4587-b522-f54b7209f250','cwa_group_members','2026-11-23 09:35:21.101341',31,31,'Total-Count');
CREATE TABLE serial_blacklist (
	serial_number TEXT NOT NULL, 
	normalised TEXT NOT NULL, 
	PRIMARY KEY (normalised)
);
INSERT INTO "serial_blacklist" VALUES('','');
INSERT INTO "serial_blacklist" VALUES('(null string)','(null string)');
INSERT INTO "serial_blacklist" VALUES('(null)','(null)');
CREATE TABLE subscription_members (
	subscription_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	"plan" TEXT NOT NULL, 
	pcid INTEGER NOT NULL, 
	PRIMARY KEY (subscription_id, pcid)
);
INSERT INTO "subscription_members" VALUES(501,100,'BizCare Plus',1001);
INSERT INTO "subscription_members" VALUES(501,100,'BizCare Plus',1002);
INSERT INTO "subscription_members" VALUES(501,100,'BizCare Plus',1003);
CREATE TABLE sync_runs (
	run_id TEXT NOT NULL, 
	finished_at TIMESTAMP NOT NULL, 
	wrote BOOLEAN NOT NULL, 
	PRIMARY KEY (run_id)
);
INSERT INTO "sync_runs" VALUES('fac77307-5679-4587-b522-f54b7209f250','2026-11-23 09:35:35.791250',1);
CREATE TABLE table_loads (
	table_name TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	loaded_at TIMESTAMP NOT NULL, 
	row_count INTEGER NOT NULL, 
	PRIMARY KEY (table_name)
);
INSERT INTO "table_loads" VALUES('client_groups','fac77307-5679-4587-b522-f54b7209f250','2026-11-23 09:35:26.197483',3);
INSERT INTO "table_loads" VALUES('client_issues','fac77307-5679-4587-b522-f54b7209f250','2026-11-23 09:35:27.264420',3);
INSERT INTO "table_loads" VALUES('additional_members','fac77307-5679-4587-b522-f54b7209f250','2026-11-23 09:35:35.633704',3);
COMMIT;
